// A consume stream.

import { rangesOf } from '../codec/ranges.mjs';

export const subscribeFlags = { exclusive: 1, noAck: 2, confirmSettles: 4 };
export const outcomes = { ack: 0, requeue: 1, reject: 2 };
export const deliverFlags = { redelivered: 1, durable: 2 };

export class Consumer {
  static async open(stream, queue, { flags = 0, credit_messages = 100, credit_bytes = 1 << 20, consumer_tag = '' } = {}) {
    await stream.send('SUBSCRIBE', { queue, consumer_tag, flags, credit_messages, credit_bytes, arguments: [] });
    return new Consumer(stream, await stream.expect('SUBSCRIBED'));
  }

  constructor(stream, { consumer_tag }) {
    this.stream = stream;
    this.tag = consumer_tag;
  }

  /** The next DELIVER. */
  delivery() {
    return this.stream.expect('DELIVER');
  }

  async deliveries(count) {
    const deliveries = [];
    while (deliveries.length < count) {
      deliveries.push(await this.delivery());
    }
    return deliveries;
  }

  async credit(messages, bytes) {
    await this.stream.send('CREDIT', { messages, bytes });
  }

  async settle(outcome, deliveries, reason = '') {
    await this.stream.send('SETTLE', { outcome, ranges: rangesOf(deliveries.map(({ delivery_tag }) => delivery_tag)), reason });
  }

  ack(...deliveries) {
    return this.settle(outcomes.ack, deliveries);
  }

  requeue(...deliveries) {
    return this.settle(outcomes.requeue, deliveries);
  }

  reject(...deliveries) {
    return this.settle(outcomes.reject, deliveries);
  }

  /** Stops deliveries; gives CANCELLED and the DELIVERs that were on their way. */
  async cancel() {
    await this.stream.send('CANCEL');
    const late = [];
    for (;;) {
      const frame = await this.stream.next();
      if (frame?.frame === 'CANCELLED') {
        return { cancelled: frame, late };
      }
      if (frame?.frame !== 'DELIVER') {
        throw new Error(`expected CANCELLED, got ${frame?.frame ?? 'FIN'}`);
      }
      late.push(frame);
    }
  }

  /** FIN and the server's FIN; what is not settled goes back to the queue. */
  async end() {
    await this.stream.finish();
    while ((await this.stream.next()) !== null) {
      // Deliveries that were on their way count as not settled.
    }
  }
}
