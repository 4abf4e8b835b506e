// Cuts the bytes of a stream into frames, wherever the network cut them.

import { Malformed, peekVarint } from './bytes.mjs';
import { decodeFrame } from './frames.mjs';

// Two varints of eight bytes.
const maxHeader = 16;

export class FrameReader {
  #readMore;
  #maxPayload;
  #buffered = Buffer.alloc(0);

  /** `readMore` gives the next bytes, or null at the end. */
  constructor(readMore, maxPayload) {
    this.#readMore = readMore;
    this.#maxPayload = maxPayload;
  }

  /** The next frame, or null if the stream ended after the last one. */
  async next() {
    for (;;) {
      const header = this.#header();
      const needed = header ? header.length + header.payload : Math.min(this.#buffered.length + 1, maxHeader);
      if (header && this.#buffered.length >= needed) {
        const payload = this.#buffered.subarray(header.length, needed);
        this.#buffered = this.#buffered.subarray(needed);
        return decodeFrame(header.type, payload);
      }
      if (!(await this.#fill(needed))) {
        return null;
      }
    }
  }

  #header() {
    const type = peekVarint(this.#buffered);
    const length = type && peekVarint(this.#buffered, type.length);
    if (!length) {
      return null;
    }
    if (length.value > this.#maxPayload) {
      throw new Malformed(`a frame of ${length.value} bytes where at most ${this.#maxPayload} may be`);
    }
    return { type: type.value, length: type.length + length.length, payload: length.value };
  }

  /** Reads until so many bytes are there; false if the stream ended between two frames. */
  async #fill(needed) {
    const parts = [this.#buffered];
    let length = this.#buffered.length;
    while (length < needed) {
      const bytes = await this.#readMore();
      if (bytes === null) {
        if (length > 0) {
          throw new Malformed(`the stream ended inside a frame, after ${length} bytes of it`);
        }
        return false;
      }
      parts.push(bytes);
      length += bytes.length;
    }
    this.#buffered = Buffer.concat(parts);
    return true;
  }
}
