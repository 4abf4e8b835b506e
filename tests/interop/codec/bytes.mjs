// The primitives of broker/1: QUIC varints (RFC 9000, section 16) and UTF-8 text after its length.

export const maxVarint = (1n << 62n) - 1n;

/** What the peer sent breaks the protocol. */
export class Malformed extends Error {}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads one payload from its first byte to its last. */
export class ByteReader {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position() {
    return this.#at;
  }

  get remaining() {
    return this.#bytes.length - this.#at;
  }

  /** The next `length` bytes, not copied. */
  take(length) {
    if (length > this.remaining) {
      throw new Malformed(`${length} bytes announced, ${this.remaining} there`);
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  rest() {
    return this.take(this.remaining);
  }

  byte() {
    return this.take(1)[0];
  }

  /** A varint as a BigInt. */
  varint() {
    const first = this.byte();
    let value = BigInt(first & 0x3f);
    for (const byte of this.take((1 << (first >> 6)) - 1)) {
      value = (value << 8n) | BigInt(byte);
    }
    return value;
  }

  /** A varint as a Number: for lengths, counts, codes and flags. */
  number(max = Number.MAX_SAFE_INTEGER) {
    const value = this.varint();
    if (value > BigInt(max)) {
      throw new Malformed(`${value} where at most ${max} may be`);
    }
    return Number(value);
  }

  bytes(maxLength = Infinity) {
    const length = this.number();
    if (length > maxLength) {
      throw new Malformed(`${length} bytes where at most ${maxLength} may be`);
    }
    return this.take(length);
  }

  text(maxLength = Infinity) {
    const bytes = this.bytes(maxLength);
    try {
      return utf8.decode(bytes);
    } catch {
      throw new Malformed('invalid UTF-8');
    }
  }

  /** Nothing may follow. */
  end() {
    if (this.remaining > 0) {
      throw new Malformed(`${this.remaining} bytes after the last field`);
    }
  }
}

/** Collects what makes up one payload. */
export class ByteWriter {
  #parts = [];

  raw(bytes) {
    this.#parts.push(bytes);
    return this;
  }

  byte(value) {
    return this.raw(Uint8Array.of(value));
  }

  /** `value` may be a Number, a BigInt or decimal text. */
  varint(value) {
    return this.raw(encodeVarint(value));
  }

  bytes(bytes) {
    return this.varint(bytes.length).raw(bytes);
  }

  text(text) {
    return this.bytes(Buffer.from(text, 'utf8'));
  }

  finish() {
    return Buffer.concat(this.#parts);
  }
}

/** The shortest of the four forms. */
export function encodeVarint(value) {
  const number = BigInt(value);
  if (number < 0n || number > maxVarint) {
    throw new RangeError(`${number} does not fit a varint`);
  }
  const form = number < 1n << 6n ? 0 : number < 1n << 14n ? 1 : number < 1n << 30n ? 2 : 3;
  const bytes = Buffer.alloc(1 << form);
  let left = number;
  for (let i = bytes.length - 1; i >= 0; i--) {
    bytes[i] = Number(left & 0xffn);
    left >>= 8n;
  }
  bytes[0] |= form << 6;
  return bytes;
}

/** A varint at the start of `bytes` as `{ value, length }`, or null if it is not complete. */
export function peekVarint(bytes, at = 0) {
  if (at >= bytes.length) {
    return null;
  }
  const length = 1 << (bytes[at] >> 6);
  if (at + length > bytes.length) {
    return null;
  }
  return { value: new ByteReader(bytes.subarray(at, at + length)).number(), length };
}
