// Field tables: arguments of declarations and headers of messages. A table is a list of `{ name, type, value }`, in the order of the wire.

import { Malformed } from './bytes.mjs';

const limits = { entries: 1024, name: 255, depth: 4, tableBytes: 65_536 };

const types = ['null', 'false', 'true', 'integer', 'double', 'text', 'bytes', 'list'];

export function readTable(reader) {
  const start = reader.position;
  const count = reader.number(limits.entries);
  const names = new Set();
  const table = [];
  for (let i = 0; i < count; i++) {
    const name = reader.text(limits.name);
    if (names.has(name)) {
      throw new Malformed(`the name '${name}' twice in a table`);
    }
    names.add(name);
    table.push({ name, ...readValue(reader, 0) });
  }
  if (reader.position - start > limits.tableBytes) {
    throw new Malformed(`a table of ${reader.position - start} bytes`);
  }
  return table;
}

export function writeTable(writer, table) {
  writer.varint(table.length);
  for (const { name, ...value } of table) {
    writer.text(name);
    writeValue(writer, value);
  }
}

function readValue(reader, depth) {
  const code = reader.byte();
  const type = types[code];
  switch (type) {
    case 'null':
      return { type };
    case 'false':
    case 'true':
      return { type: 'boolean', value: type === 'true' };
    case 'integer':
      return { type, value: reader.take(8).readBigInt64BE() };
    case 'double':
      return { type, value: reader.take(8).readDoubleBE() };
    case 'text':
      return { type, value: reader.text() };
    case 'bytes':
      return { type, value: reader.bytes() };
    case 'list':
      return { type, value: readList(reader, depth + 1) };
    default:
      throw new Malformed(`field type ${code}`);
  }
}

function readList(reader, depth) {
  if (depth > limits.depth) {
    throw new Malformed(`lists nested deeper than ${limits.depth}`);
  }
  return Array.from({ length: reader.number(limits.entries) }, () => readValue(reader, depth));
}

function writeValue(writer, { type, value }) {
  writer.byte(types.indexOf(type === 'boolean' ? String(value) : type));
  const eight = Buffer.alloc(8);
  switch (type) {
    case 'integer':
      eight.writeBigInt64BE(BigInt(value));
      writer.raw(eight);
      break;
    case 'double':
      eight.writeDoubleBE(value);
      writer.raw(eight);
      break;
    case 'text':
      writer.text(value);
      break;
    case 'bytes':
      writer.bytes(value);
      break;
    case 'list':
      writer.varint(value.length);
      for (const item of value) {
        writeValue(writer, item);
      }
      break;
    default:
      break;
  }
}
