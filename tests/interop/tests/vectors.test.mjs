// The golden vectors of the repository against the codec of this folder, which was written from docs/protocol.md alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBbqDelivery, decodeBbqRequest, encodeBbqDelivery, encodeBbqRequest } from '../codec/bbq.mjs';
import { ByteReader, ByteWriter, Malformed, peekVarint } from '../codec/bytes.mjs';
import { FrameReader } from '../codec/frame-reader.mjs';
import { decodeFrame, encodeFrame } from '../codec/frames.mjs';
import { decodeProperties, encodeProperties, readMessage, writeMessage } from '../codec/messages.mjs';
import { fromJson, readVectors, toJson } from './vectors.mjs';

const maxPayload = 1 << 20;
const vectors = readVectors();
const frameVectors = vectors.filter(({ frame }) => !whole(frame));

for (const { file, frame, name, hex, fields } of vectors) {
  test(`${file}: ${frame} '${name}' decodes to its fields and encodes to its bytes`, () => {
    const { decode, encode } = whole(frame) ?? inFrame(frame);
    assert.deepEqual(toJson(decode(Buffer.from(hex, 'hex'))), fields);
    assert.equal(encode(fromJson(fields)).toString('hex'), hex);
  });
}

test('Every file of vectors was read', () => {
  assert.deepEqual([...new Set(vectors.map(({ file }) => file))].sort(), [
    'admin.json',
    'bbq.json',
    'consume.json',
    'control.json',
    'messages.json',
    'publish.json',
    'request.json',
  ]);
});

test('Frames come out whole wherever the network cuts the stream', async () => {
  const stream = Buffer.concat(frameVectors.map(({ hex }) => Buffer.from(hex, 'hex')));
  for (const size of [1, 2, 3, 7, 64, stream.length]) {
    const reader = new FrameReader(cutInto(stream, size), maxPayload);
    for (const { frame, fields } of frameVectors) {
      assert.deepEqual(toJson(await reader.next()), { frame, ...fields });
    }
    assert.equal(await reader.next(), null);
  }
});

test('A stream that ends inside a frame is malformed', async () => {
  const frame = encodeFrame('ERROR', { code: 9, reason: 'no queue' });
  for (let length = 1; length < frame.length; length++) {
    await assert.rejects(new FrameReader(cutInto(frame.subarray(0, length), 1), maxPayload).next(), Malformed);
  }
});

test('A payload that is cut or too long is malformed, unless its last field has no length of its own', () => {
  const openEnded = ['PUBLISH', 'DELIVER', 'GET_OK', 'ADMIN_REQUEST', 'ADMIN_ROW'];
  for (const { frame, name, hex } of frameVectors.filter((vector) => !openEnded.includes(vector.frame))) {
    const { type, payload } = split(Buffer.from(hex, 'hex'));
    for (let length = 0; length < payload.length; length++) {
      assert.throws(() => decodeFrame(type, payload.subarray(0, length)), Malformed, `${frame} '${name}' cut to ${length} bytes`);
    }
    assert.throws(() => decodeFrame(type, Buffer.concat([payload, Buffer.of(0)])), Malformed, `${frame} '${name}' and one byte`);
  }
});

// What stands in the vectors without a frame around it.
function whole(name) {
  return {
    MESSAGE: { decode: (bytes) => readMessage(new ByteReader(bytes)), encode: encodeMessage },
    PROPERTIES: { decode: decodeProperties, encode: encodeProperties },
    BBQ_REQUEST: {
      decode: decodeBbqRequest,
      encode: (fields) => encodeBbqRequest({ ...fields, message: Buffer.from(fields.message ?? '', 'hex') }),
    },
    BBQ_DELIVERY: { decode: decodeBbqDelivery, encode: encodeBbqDelivery },
  }[name];
}

function inFrame(name) {
  return {
    decode: (bytes) => {
      const { type, payload } = split(bytes);
      const { frame, ...fields } = decodeFrame(type, payload);
      assert.equal(frame, name);
      return fields;
    },
    encode: (fields) => encodeFrame(name, fields),
  };
}

function encodeMessage(fields) {
  const writer = new ByteWriter();
  writeMessage(writer, fields);
  return writer.finish();
}

function split(frame) {
  const type = peekVarint(frame);
  const length = peekVarint(frame, type.length);
  const payload = frame.subarray(type.length + length.length);
  assert.equal(payload.length, length.value);
  return { type: type.value, payload };
}

function cutInto(bytes, size) {
  let at = 0;
  return async () => {
    if (at >= bytes.length) {
      return null;
    }
    at += size;
    return bytes.subarray(at - size, at);
  };
}
