// The frames of broker/1: each is a type, the length of its payload, and the fields below in this order.

import { ByteReader, ByteWriter, encodeVarint, Malformed } from './bytes.mjs';
import { readMessage, writeMessage } from './messages.mjs';
import { readRanges, writeRanges } from './ranges.mjs';
import { readTable, writeTable } from './tables.mjs';

const big = { read: (reader) => reader.varint(), write: (writer, value) => writer.varint(value) };
const number = { read: (reader) => reader.number(), write: (writer, value) => writer.varint(value) };
const name = { read: (reader) => reader.text(255), write: (writer, value) => writer.text(value) };
const reason = { read: (reader) => reader.text(1024), write: (writer, value) => writer.text(value) };
const table = { read: readTable, write: writeTable };
const ranges = { read: readRanges, write: writeRanges };
const message = { read: readMessage, write: writeMessage };
const json = { read: (reader) => reader.rest().toString('utf8'), write: (writer, value) => writer.raw(Buffer.from(value)) };

// Only of a message from a log: flag 4.
const offset = { ...big, isThere: ({ flags }) => (flags & 4) !== 0 };

const requestId = { request_id: big };
const bindingFields = { ...requestId, exchange: name, destination_kind: number, destination: name, routing_key: name, arguments: table };

const definitions = {
  HELLO: [0x01, { version: number, client_name: name, client_version: name, vhost: name, max_frame_payload: number, max_message: number }],
  WELCOME: [
    0x02,
    {
      version: number,
      node_id: name,
      product_version: name,
      cluster_name: name,
      identity: name,
      connection_id: big,
      max_frame_payload: number,
      max_message: number,
    },
  ],
  GOAWAY: [0x03, { code: number, reason }],
  ERROR: [0x04, { code: number, reason }],

  PUBLISHER_OPEN: [0x10, { producer_id: name, flags: number }],
  PUBLISHER_READY: [0x11, { last_sequence: big }],
  PUBLISH: [0x12, { sequence: big, flags: number, message }],
  CONFIRM: [0x13, { ranges }],
  RETURN: [0x14, { sequence: big, code: number, reason }],
  REJECT: [0x15, { sequence: big, code: number, reason }],
  BLOCKED: [0x16, { reason }],
  UNBLOCKED: [0x17, {}],

  SUBSCRIBE: [0x20, { queue: name, consumer_tag: name, flags: number, credit_messages: big, credit_bytes: big, arguments: table }],
  SUBSCRIBED: [0x21, { consumer_tag: name }],
  DELIVER: [0x22, { delivery_tag: big, flags: number, delivery_count: big, offset, message }],
  CREDIT: [0x23, { messages: big, bytes: big }],
  SETTLE: [0x24, { outcome: number, ranges, reason }],
  SETTLED: [0x25, { ranges }],
  CANCEL: [0x26, {}],
  CANCELLED: [0x27, { code: number, reason }],

  DECLARE_EXCHANGE: [0x30, { ...requestId, name, type: name, flags: number, arguments: table }],
  DELETE_EXCHANGE: [0x31, { ...requestId, name, flags: number }],
  DECLARE_QUEUE: [0x32, { ...requestId, name, flags: number, arguments: table }],
  DELETE_QUEUE: [0x33, { ...requestId, name, flags: number }],
  PURGE_QUEUE: [0x34, { ...requestId, name }],
  BIND: [0x35, bindingFields],
  UNBIND: [0x36, bindingFields],
  GET: [0x37, { ...requestId, queue: name, flags: number }],
  OK: [0x40, requestId],
  QUEUE_OK: [0x41, { ...requestId, name, messages: big, consumers: big, leader: name }],
  COUNT_OK: [0x42, { ...requestId, count: big }],
  GET_OK: [0x43, { ...requestId, delivery_tag: big, flags: number, delivery_count: big, messages_remaining: big, message }],
  GET_EMPTY: [0x44, requestId],
  REQUEST_ERROR: [0x4f, { ...requestId, code: number, reason }],

  ADMIN_REQUEST: [0x50, { ...requestId, command: name, json }],
  ADMIN_ROW: [0x51, { ...requestId, json }],
  ADMIN_END: [0x52, { ...requestId, code: number, message: reason }],
};

const byType = new Map(Object.entries(definitions).map(([frameName, [type, fields]]) => [type, { frameName, fields }]));

/** The whole frame, with type and length. */
export function encodeFrame(frameName, values = {}) {
  const [type, fields] = definitions[frameName];
  const payload = new ByteWriter();
  for (const [field, { write, isThere }] of Object.entries(fields)) {
    if (isThere && !isThere(values)) {
      continue;
    }
    if (values[field] === undefined) {
      throw new TypeError(`${frameName} needs ${field}`);
    }
    write(payload, values[field]);
  }
  return rawFrame(type, payload.finish());
}

/** A frame of any type around any payload. */
export function rawFrame(type, payload) {
  return Buffer.concat([encodeVarint(type), encodeVarint(payload.length), payload]);
}

/** The fields of one frame as `{ frame: its name, ... }`. */
export function decodeFrame(type, payload) {
  const definition = byType.get(type);
  if (!definition) {
    throw new Malformed(`frame type 0x${type.toString(16)}`);
  }
  const reader = new ByteReader(payload);
  const decoded = { frame: definition.frameName };
  for (const [field, { read, isThere }] of Object.entries(definition.fields)) {
    if (!isThere || isThere(decoded)) {
      decoded[field] = read(reader);
    }
  }
  reader.end();
  return decoded;
}
