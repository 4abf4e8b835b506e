// One stream of broker/1 that carries frames.

import { encodeVarint } from '../codec/bytes.mjs';
import { codes } from '../codec/error-codes.mjs';
import { FrameReader } from '../codec/frame-reader.mjs';
import { encodeFrame } from '../codec/frames.mjs';
import { within } from './within.mjs';

export const streamKinds = { control: 1, publish: 2, consume: 3, request: 4, echo: 5, admin: 6 };

/** The server ended a stream with an ERROR frame. */
export class StreamFault extends Error {
  constructor({ code, reason }) {
    super(`code ${code}: ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}

export class FrameStream {
  #stream;
  #reader;

  /** `kind` is a number, or bytes that stand in its place. */
  static async open(connection, kind, maxPayload) {
    const stream = new FrameStream(connection.openStream(), maxPayload);
    await stream.write(typeof kind === 'number' ? encodeVarint(kind) : kind);
    return stream;
  }

  constructor(stream, maxPayload) {
    this.#stream = stream;
    this.#reader = new FrameReader(() => stream.read(), maxPayload);
  }

  /** Any bytes at all. */
  async write(bytes) {
    await this.#stream.write(bytes);
  }

  async send(frame, fields) {
    await this.write(encodeFrame(frame, fields));
  }

  /** The next frame, or null after the server's FIN. ERROR is thrown, and nothing may follow it. */
  async next(ms) {
    const frame = await within(this.#reader.next(), 'a frame or FIN from the server', ms);
    if (frame?.frame !== 'ERROR') {
      return frame;
    }
    const after = await within(this.#reader.next(), 'FIN after ERROR');
    await this.#stream.reset(codes.CANCELLED);
    throw after === null ? new StreamFault(frame) : new Error(`${after.frame} after ERROR`);
  }

  async expect(frameName) {
    const frame = await this.next();
    if (frame?.frame !== frameName) {
      throw new Error(`expected ${frameName}, got ${frame?.frame ?? 'FIN'}`);
    }
    return frame;
  }

  /** FIN; what the server still sends can be read. */
  async finish() {
    await this.#stream.finish();
  }

  /** FIN, and the server's FIN without another frame before it. */
  async end() {
    await this.finish();
    const frame = await this.next();
    if (frame !== null) {
      throw new Error(`expected FIN, got ${frame.frame}`);
    }
  }

  /** Gives the stream up; the connection goes on. */
  async abandon() {
    await this.#stream.reset(codes.CANCELLED);
  }
}
