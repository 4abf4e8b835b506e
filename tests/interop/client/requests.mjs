// A request stream: declare, delete, bind, get. Answers come in the order of the requests.

/** REQUEST_ERROR: it ended only its request. */
export class RequestError extends Error {
  constructor({ code, reason }) {
    super(`code ${code}: ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}

export class Requests {
  #nextId = 1n;
  #previous = Promise.resolve();

  constructor(stream) {
    this.stream = stream;
  }

  declareExchange(name, type, flags = 0) {
    return this.call('DECLARE_EXCHANGE', { name, type, flags, arguments: [] });
  }

  deleteExchange(name, flags = 0) {
    return this.call('DELETE_EXCHANGE', { name, flags });
  }

  declareQueue(name, flags = 0, table = []) {
    return this.call('DECLARE_QUEUE', { name, flags, arguments: table });
  }

  deleteQueue(name, flags = 0) {
    return this.call('DELETE_QUEUE', { name, flags });
  }

  purgeQueue(name) {
    return this.call('PURGE_QUEUE', { name });
  }

  bindQueue(exchange, queue, routingKey = '') {
    return this.call('BIND', binding(exchange, queue, routingKey));
  }

  unbindQueue(exchange, queue, routingKey = '') {
    return this.call('UNBIND', binding(exchange, queue, routingKey));
  }

  get(queue, flags = 0) {
    return this.call('GET', { queue, flags });
  }

  /** Sends the request at once, whatever is still under way, and gives its answer. */
  call(frame, fields) {
    const request_id = this.#nextId++;
    const sent = this.stream.send(frame, { request_id, ...fields });
    // Awaited below; it must not count as unhandled before.
    sent.catch(() => {});
    const answer = this.#previous.then(async () => {
      await sent;
      return this.#answer(request_id);
    });
    this.#previous = answer.catch(() => {});
    return answer;
  }

  async #answer(request_id) {
    const answer = await this.stream.next();
    if (answer?.request_id !== request_id) {
      throw new Error(`expected the answer to request ${request_id}, got ${answer?.frame ?? 'FIN'} ${answer?.request_id ?? ''}`);
    }
    if (answer.frame === 'REQUEST_ERROR') {
      throw new RequestError(answer);
    }
    return answer;
  }
}

function binding(exchange, queue, routing_key) {
  return { exchange, destination_kind: 0, destination: queue, routing_key, arguments: [] };
}
