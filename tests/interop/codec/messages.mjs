// A message: exchange, routing key, properties and body. The same bytes inside PUBLISH, DELIVER and GET_OK.

import { ByteReader, ByteWriter, Malformed } from './bytes.mjs';
import { readTable, writeTable } from './tables.mjs';

const maxName = 255;
const maxPropertiesBytes = 65_536;
const maxTimestamp = 253_402_300_799_999;
const maxDuration = 3_155_760_000_000;

const text = { read: (reader) => reader.text(maxName), write: (writer, value) => writer.text(value) };
const upTo = (max) => ({ read: (reader) => reader.number(max), write: (writer, value) => writer.varint(value) });
const table = { read: readTable, write: writeTable };

// In the order of their bits in the mask.
const properties = [
  ['content_type', text],
  ['content_encoding', text],
  ['message_id', text],
  ['correlation_id', text],
  ['reply_to', text],
  ['type', text],
  ['app_id', text],
  ['timestamp_ms', upTo(maxTimestamp)],
  ['expiration_ms', upTo(maxDuration)],
  ['priority', upTo(255)],
  ['group_key', text],
  ['delay_ms', upTo(maxDuration)],
  ['headers', table],
];

/** `bytes` is the whole encoding; no bytes are no properties. */
export function decodeProperties(bytes) {
  const decoded = {};
  if (bytes.length === 0) {
    return decoded;
  }
  const reader = new ByteReader(bytes);
  const mask = reader.number();
  if (mask === 0 || mask >= 1 << properties.length) {
    throw new Malformed(`property mask ${mask.toString(2)}`);
  }
  properties.forEach(([name, type], bit) => {
    if (mask & (1 << bit)) {
      decoded[name] = type.read(reader);
    }
  });
  reader.end();
  return decoded;
}

export function encodeProperties(values = {}) {
  const present = properties.map(([name], bit) => (values[name] === undefined ? 0 : 1 << bit));
  const mask = present.reduce((all, bit) => all | bit, 0);
  if (mask === 0) {
    return Buffer.alloc(0);
  }
  const writer = new ByteWriter().varint(mask);
  properties.forEach(([name, type], bit) => {
    if (present[bit]) {
      type.write(writer, values[name]);
    }
  });
  return writer.finish();
}

/** Reads to the end: the body has no length of its own. */
export function readMessage(reader) {
  return {
    exchange: reader.text(maxName),
    routing_key: reader.text(maxName),
    properties: decodeProperties(reader.bytes(maxPropertiesBytes)),
    body: reader.rest(),
  };
}

export function writeMessage(writer, { exchange, routing_key, properties, body }) {
  writer.text(exchange).text(routing_key).bytes(encodeProperties(properties)).raw(body);
}
