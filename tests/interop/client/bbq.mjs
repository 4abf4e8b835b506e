// A connection that speaks bbq: one stream for each publish and one for each consumed message.

import { bbqFrameLength, decodeBbqDelivery, encodeBbqRequest } from '../codec/bbq.mjs';
import { QuicConnection } from './quic.mjs';
import { within } from './within.mjs';

export const settlements = { ack: 0, nack: 1, reject: 2 };

export class Bbq {
  #connection;

  static async connect(endPoint) {
    return new Bbq(await QuicConnection.connect(endPoint, 'bbq'));
  }

  constructor(connection) {
    this.#connection = connection;
  }

  /** Resolves when the server has taken the message; a stream that it resets is thrown with its code. */
  async publish(exchange, routing_key, message) {
    const stream = this.#connection.openStream();
    await stream.write(encodeBbqRequest({ kind: 0, exchange, routing_key, message }));
    await stream.finish();
    const answer = await within(stream.readToEnd(), 'the byte that confirms a publish');
    if (!answer.equals(Buffer.of(0))) {
      throw new Error(`expected one byte 0 and FIN, got '${answer.toString('hex')}'`);
    }
  }

  /** Asks for one message; it may be long in coming. */
  async consume(queue) {
    const stream = this.#connection.openStream();
    await stream.write(encodeBbqRequest({ kind: 1, queue }));
    return new BbqConsume(stream);
  }

  async close() {
    await this.#connection.close();
  }
}

class BbqConsume {
  #stream;

  constructor(stream) {
    this.#stream = stream;
  }

  async message() {
    let buffered = Buffer.alloc(0);
    while (bbqFrameLength(buffered) === null) {
      const bytes = await within(this.#stream.read(), 'a bbq delivery');
      if (bytes === null) {
        throw new Error(`FIN after ${buffered.length} bytes of a delivery`);
      }
      buffered = Buffer.concat([buffered, bytes]);
    }
    return decodeBbqDelivery(buffered).body;
  }

  /** The last byte and FIN; the server has carried it out when it answers with FIN. */
  async settle(settlement) {
    await this.#stream.write(Buffer.of(settlement));
    await this.#stream.finish();
    const rest = await within(this.#stream.readToEnd(), "the server's FIN");
    if (rest.length > 0) {
      throw new Error(`'${rest.toString('hex')}' after a delivery`);
    }
  }

  /** FIN without the last byte. */
  async leave() {
    await this.#stream.finish();
  }

  async abandon(code) {
    await this.#stream.reset(code);
  }
}
