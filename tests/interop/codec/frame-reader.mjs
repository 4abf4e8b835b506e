// Cuts the bytes of a stream into frames, wherever the network cut them.

import { Malformed, peekVarint } from './bytes.mjs';
import { decodeFrame } from './frames.mjs';

export class FrameReader {
  #readMore;
  #buffered = Buffer.alloc(0);
  #ended = false;

  /** `readMore` gives the next bytes, or null at the end. */
  constructor(readMore, maxPayload) {
    this.#readMore = readMore;
    this.maxPayload = maxPayload;
  }

  /** The next frame, or null if the stream ended after the last one. */
  async next() {
    for (;;) {
      const frame = this.#take();
      if (frame || this.#ended) {
        return frame;
      }
      const bytes = await this.#readMore();
      if (bytes === null) {
        this.#end();
      } else {
        this.#buffered = this.#buffered.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#buffered, bytes]);
      }
    }
  }

  #take() {
    const type = peekVarint(this.#buffered);
    const length = type && peekVarint(this.#buffered, type.length);
    if (!length) {
      return null;
    }
    if (length.value > this.maxPayload) {
      throw new Malformed(`a frame of ${length.value} bytes where at most ${this.maxPayload} may be`);
    }
    const start = type.length + length.length;
    if (this.#buffered.length < start + length.value) {
      return null;
    }
    const payload = this.#buffered.subarray(start, start + length.value);
    this.#buffered = this.#buffered.subarray(start + length.value);
    return decodeFrame(type.value, payload);
  }

  #end() {
    if (this.#buffered.length > 0) {
      throw new Malformed(`the stream ended inside a frame, after ${this.#buffered.length} bytes of it`);
    }
    this.#ended = true;
  }
}
