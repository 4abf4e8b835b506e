// A publish stream. Writing and reading go on at once: outcomes must be read while flow control holds the writes.

import { encodeFrame } from '../codec/frames.mjs';
import { numbersIn } from '../codec/ranges.mjs';
import { within } from './within.mjs';

// How long a publisher may have nothing to hear.
const idle_ms = 600_000;

export const publishFlags = { mandatory: 1, durable: 2 };

export class Publisher {
  #nextSequence = 1n;
  #outcomes = new Map();
  #reading;

  static async open(stream, { producer_id = '' } = {}) {
    await stream.send('PUBLISHER_OPEN', { producer_id, flags: 0 });
    return new Publisher(stream, await stream.expect('PUBLISHER_READY'));
  }

  constructor(stream, { last_sequence }) {
    this.stream = stream;
    this.lastSequence = last_sequence;
    this.#reading = this.#readOutcomes();
    this.#reading.catch(() => {});
  }

  /** Writes one message; resolves to its sequence once QUIC has taken it. */
  async write(message, flags) {
    return (await this.writeAll([message], flags))[0];
  }

  /** Writes several messages at once. */
  async writeAll(messages, flags = 0) {
    const sequences = messages.map(() => this.#nextSequence++);
    sequences.forEach((sequence) => this.#pending(sequence));
    const frames = messages.map(({ exchange = '', routing_key, properties = {}, body }, i) =>
      encodeFrame('PUBLISH', {
        sequence: sequences[i],
        flags,
        message: { exchange, routing_key, properties, body: Buffer.from(body) },
      }),
    );
    await this.stream.write(Buffer.concat(frames));
    return sequences;
  }

  /** Writes one message and waits for its outcome: the CONFIRM, RETURN or REJECT frame. */
  async publish(message, flags) {
    return this.outcome(await this.write(message, flags));
  }

  outcome(sequence) {
    return within(this.#pending(sequence).promise, `the outcome of sequence ${sequence}`);
  }

  /** FIN, the outcomes that are missing, and the server's FIN. */
  async end() {
    await this.stream.finish();
    await within(this.#reading, "the server's FIN");
  }

  #pending(sequence) {
    let pending = this.#outcomes.get(sequence);
    if (!pending) {
      pending = { decided: false };
      pending.promise = new Promise((resolve, reject) => Object.assign(pending, { resolve, reject }));
      pending.promise.catch(() => {});
      this.#outcomes.set(sequence, pending);
    }
    return pending;
  }

  async #readOutcomes() {
    try {
      for (let frame = await this.stream.next(idle_ms); frame !== null; frame = await this.stream.next(idle_ms)) {
        this.#take(frame);
      }
    } catch (error) {
      this.#giveUp(error);
      throw error;
    }
    this.#giveUp(new Error('the server ended the stream without this outcome'));
  }

  #giveUp(error) {
    for (const { reject } of this.#outcomes.values()) {
      reject(error);
    }
  }

  #take(frame) {
    switch (frame.frame) {
      case 'CONFIRM':
        for (const sequence of numbersIn(frame.ranges)) {
          this.#decide(sequence, frame);
        }
        break;
      case 'RETURN':
      case 'REJECT':
        this.#decide(frame.sequence, frame);
        break;
      case 'BLOCKED':
      case 'UNBLOCKED':
        break;
      default:
        throw new Error(`${frame.frame} on a publish stream`);
    }
  }

  #decide(sequence, frame) {
    const pending = this.#outcomes.get(sequence);
    if (!pending || pending.decided) {
      throw new Error(`${frame.frame} of sequence ${sequence}, which ${pending ? 'has an outcome already' : 'was never published'}`);
    }
    pending.decided = true;
    pending.resolve(frame);
  }
}
