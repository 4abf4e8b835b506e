// Reads the golden vectors and translates between their JSON and the values of the codec.

import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../vectors/', import.meta.url);

/** All vectors: `{ file, frame, name, hex, fields }`. */
export function readVectors() {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')).vectors.map((vector) => ({ ...vector, file })));
}

/** Integers that a double cannot hold are decimal text in the vectors, doubles always, and bytes are hexadecimal. */
export function toJson(value) {
  if (typeof value === 'bigint') {
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value);
  }
  if (Buffer.isBuffer(value)) {
    return value.toString('hex');
  }
  if (Array.isArray(value)) {
    return value.map(toJson);
  }
  if (typeof value !== 'object') {
    return value;
  }
  const json = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]));
  return value.type === 'double' ? { ...json, value: String(value.value) } : json;
}

/** The inverse as far as an encoder needs it: it takes integers in any form. */
export function fromJson(json) {
  if (Array.isArray(json)) {
    return json.map(fromJson);
  }
  if (typeof json !== 'object') {
    return json;
  }
  const value = Object.fromEntries(Object.entries(json).map(([key, item]) => [key, fromJson(item)]));
  if (typeof json.body === 'string') {
    value.body = Buffer.from(json.body, 'hex');
  }
  if (json.type === 'bytes') {
    value.value = Buffer.from(json.value, 'hex');
  }
  if (json.type === 'double') {
    value.value = Number(json.value);
  }
  return value;
}
