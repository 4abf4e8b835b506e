// The wire of `bbq`: a u64 little-endian length, then bincode (variable-length integers, little-endian).

import { Malformed } from './bytes.mjs';

const requestKinds = { publish: 0, consume: 1 };

/** `{ kind: 0, exchange, routing_key, message }` or `{ kind: 1, queue }`, with its length. */
export function encodeBbqRequest(request) {
  return framed(
    request.kind === requestKinds.publish
      ? [integer(request.kind), bytes(request.exchange), bytes(request.routing_key), bytes(request.message)]
      : [integer(request.kind), bytes(request.queue)],
  );
}

export function encodeBbqDelivery({ body }) {
  return framed([bytes(body)]);
}

/** Takes a whole request. */
export function decodeBbqRequest(framedBytes) {
  return unframed(framedBytes, (reader) => {
    const kind = Number(reader.integer());
    switch (kind) {
      case requestKinds.publish:
        return { kind, exchange: reader.text(), routing_key: reader.text(), message: reader.bytes() };
      case requestKinds.consume:
        return { kind, queue: reader.text() };
      default:
        throw new Malformed(`bbq request ${kind}`);
    }
  });
}

/** Takes a whole delivery. */
export function decodeBbqDelivery(framedBytes) {
  return unframed(framedBytes, (reader) => ({ body: reader.bytes() }));
}

/** The bytes of one framed value, or null if they are not all there. */
export function bbqFrameLength(buffered) {
  if (buffered.length < 8) {
    return null;
  }
  const length = 8 + Number(buffered.readBigUInt64LE());
  return buffered.length < length ? null : length;
}

function framed(parts) {
  const value = Buffer.concat(parts);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([length, value]);
}

function unframed(framedBytes, read) {
  if (framedBytes.length < 8 || bbqFrameLength(framedBytes) !== framedBytes.length) {
    throw new Malformed('the length does not fit what follows');
  }
  const reader = new BincodeReader(framedBytes.subarray(8));
  const value = read(reader);
  reader.end();
  return value;
}

function bytes(value) {
  const encoded = Buffer.from(value);
  return Buffer.concat([integer(encoded.length), encoded]);
}

function integer(value) {
  if (value < 251) {
    return Buffer.of(value);
  }
  const form = value < 1 << 16 ? { tag: 251, size: 2 } : { tag: 252, size: 4 };
  const encoded = Buffer.alloc(1 + form.size, form.tag);
  encoded.writeUIntLE(value, 1, form.size);
  return encoded;
}

class BincodeReader {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  take(length) {
    if (this.#at + length > this.#bytes.length) {
      throw new Malformed(`${length} bytes announced, ${this.#bytes.length - this.#at} there`);
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  integer() {
    const first = this.take(1)[0];
    switch (first) {
      case 251:
        return BigInt(this.take(2).readUInt16LE());
      case 252:
        return BigInt(this.take(4).readUInt32LE());
      case 253:
        return this.take(8).readBigUInt64LE();
      default:
        if (first > 253) {
          throw new Malformed(`integer tag ${first}`);
        }
        return BigInt(first);
    }
  }

  bytes() {
    return this.take(Number(this.integer()));
  }

  text() {
    return this.bytes().toString('utf8');
  }

  end() {
    if (this.#at < this.#bytes.length) {
      throw new Malformed(`${this.#bytes.length - this.#at} bytes after the last field`);
    }
  }
}
