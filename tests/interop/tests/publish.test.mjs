import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteWriter } from '../codec/bytes.mjs';
import { codes } from '../codec/error-codes.mjs';
import { rawFrame } from '../codec/frames.mjs';
import { StreamFault, streamKinds } from '../client/frame-stream.mjs';
import { connect, uniqueName } from '../client/node.mjs';
import { publishFlags } from '../client/publisher.mjs';

test('A message to no exchange is rejected, and the stream goes on', async (t) => {
  const { publisher, queue } = await queueAndPublisher(t);
  const rejected = await publisher.publish({ exchange: uniqueName('absent'), routing_key: 'a', body: 'x' });
  assert.deepEqual([rejected.frame, rejected.code], ['REJECT', codes.NOT_FOUND]);
  assert.equal((await publisher.publish({ routing_key: queue, body: 'x' })).frame, 'CONFIRM');
  await publisher.end();
});

test('A mandatory message that no queue takes is returned, one that is not is confirmed', async (t) => {
  const { publisher, queue } = await queueAndPublisher(t);
  const absent = uniqueName('absent');
  const returned = await publisher.publish({ routing_key: absent, body: 'x' }, publishFlags.mandatory);
  assert.deepEqual([returned.frame, returned.code, returned.sequence], ['RETURN', codes.UNROUTABLE, 1n]);
  assert.equal((await publisher.publish({ routing_key: absent, body: 'x' })).frame, 'CONFIRM');
  assert.equal((await publisher.publish({ routing_key: queue, body: 'x' }, publishFlags.mandatory)).frame, 'CONFIRM');
  await publisher.end();
});

test('Returns and confirms of one batch go to their own sequences', async (t) => {
  const { broker, publisher, queue } = await queueAndPublisher(t);
  const absent = uniqueName('absent');
  const sequences = [];
  for (let i = 0; i < 300; i++) {
    sequences.push(await publisher.write({ routing_key: i % 3 === 0 ? absent : queue, body: String(i) }, publishFlags.mandatory));
  }
  const frames = await Promise.all(sequences.map(async (sequence) => (await publisher.outcome(sequence)).frame));
  assert.deepEqual(frames, sequences.map((_, i) => (i % 3 === 0 ? 'RETURN' : 'CONFIRM')));
  assert.equal((await (await broker.requests()).purgeQueue(queue)).count, 200n);
  await publisher.end();
});

test('Sequences may have gaps, and messages may come before PUBLISHER_READY', async (t) => {
  const { broker, queue } = await queueAndPublisher(t);
  const stream = await broker.openStream(streamKinds.publish);
  await stream.send('PUBLISHER_OPEN', { producer_id: '', flags: 0 });
  const message = { exchange: '', routing_key: queue, properties: {}, body: Buffer.from('x') };
  await stream.send('PUBLISH', { sequence: 5, flags: 0, message });
  await stream.send('PUBLISH', { sequence: '4611686018427387903', flags: 0, message });
  await stream.finish();
  assert.equal((await stream.expect('PUBLISHER_READY')).last_sequence, 0n);
  const confirmed = [];
  for (let frame = await stream.next(); frame !== null; frame = await stream.next()) {
    assert.equal(frame.frame, 'CONFIRM');
    confirmed.push(...frame.ranges);
  }
  assert.deepEqual(confirmed, [[5n, 5n], [4611686018427387903n, 4611686018427387903n]]);
});

test('Outcomes that are missing at FIN come before the server ends the stream', async (t) => {
  const { publisher, queue } = await queueAndPublisher(t);
  const sequences = [];
  for (let i = 0; i < 100; i++) {
    sequences.push(await publisher.write({ routing_key: queue, body: 'x' }));
  }
  await publisher.end();
  for (const sequence of sequences) {
    assert.equal((await publisher.outcome(sequence)).frame, 'CONFIRM');
  }
});

test('A message at the negotiated limit passes, one byte more is rejected alone', async (t) => {
  const { broker, publisher, queue } = await queueAndPublisher(t);
  // One byte each for the lengths of exchange and properties, and the routing key with its own.
  const overhead = 1 + 1 + queue.length + 1;
  const largest = Buffer.alloc(broker.welcome.max_message - overhead, 'm');
  assert.equal((await publisher.publish({ routing_key: queue, body: largest })).frame, 'CONFIRM');
  const rejected = await publisher.publish({ routing_key: queue, body: Buffer.concat([largest, Buffer.of(0)]) });
  assert.deepEqual([rejected.frame, rejected.code], ['REJECT', codes.MESSAGE_TOO_LARGE]);

  const consumer = await broker.subscribe(queue);
  const delivered = await consumer.delivery();
  assert.ok(delivered.message.body.equals(largest));
  await consumer.ack(delivered);
  await consumer.end();
});

test('Properties and headers come out as they went in', async (t) => {
  const { broker, publisher, queue } = await queueAndPublisher(t);
  const properties = {
    content_type: 'application/json',
    content_encoding: 'identity',
    message_id: 'm-1',
    correlation_id: 'c-1',
    reply_to: 'answers',
    type: 'order.created',
    app_id: 'interop',
    timestamp_ms: 1_700_000_000_123,
    expiration_ms: 3_600_000,
    priority: 9,
    group_key: 'customer-17',
    delay_ms: 0,
    headers: [
      { name: 'nothing', type: 'null' },
      { name: 'yes', type: 'boolean', value: true },
      { name: 'smallest', type: 'integer', value: -(2n ** 63n) },
      { name: 'half', type: 'double', value: 0.5 },
      { name: 'text', type: 'text', value: 'Grüße' },
      { name: 'bytes', type: 'bytes', value: Buffer.of(0, 255) },
      { name: 'list', type: 'list', value: [{ type: 'text', value: 'a' }, { type: 'list', value: [{ type: 'null' }] }] },
    ],
  };
  await publisher.publish({ routing_key: queue, properties, body: '{}' }, publishFlags.durable);
  const consumer = await broker.subscribe(queue);
  const { message, flags } = await consumer.delivery();
  assert.deepEqual(message, { exchange: '', routing_key: queue, properties, body: Buffer.from('{}') });
  assert.equal(flags, 2);
  await consumer.end();
});

test('Lists in headers may nest four deep, and no deeper', async (t) => {
  const { broker, publisher, queue } = await queueAndPublisher(t);
  const nested = (depth) => ({ type: 'list', value: depth === 1 ? [] : [nested(depth - 1)] });
  const messageWith = (depth) => ({ routing_key: queue, properties: { headers: [{ name: 'list', ...nested(depth) }] }, body: '' });
  assert.equal((await publisher.publish(messageWith(4))).frame, 'CONFIRM');
  const other = await broker.publisher();
  await assert.rejects(other.publish(messageWith(5)), (error) => error instanceof StreamFault && error.code === codes.LIMIT_EXCEEDED);
});

const message = new ByteWriter().text('').text('q').bytes(Buffer.alloc(0)).finish();
for (const [fault, code, bytes] of [
  ['A sequence that does not ascend', codes.PROTOCOL_VIOLATION, [publish(7, message), publish(7, message)]],
  ['The sequence 0', codes.PROTOCOL_VIOLATION, [publish(0, message)]],
  ['An unknown publish flag', codes.PROTOCOL_VIOLATION, [rawFrame(0x12, Buffer.concat([Buffer.of(1, 64), message]))]],
  ['A message that ends inside its routing key', codes.PROTOCOL_VIOLATION, [publish(1, Buffer.of(0, 9, 0x61))]],
  ['An unknown property', codes.PROTOCOL_VIOLATION, [publish(1, Buffer.of(0, 1, 0x71, 4, 0x80, 0, 0x20, 0))]],
  ['A second PUBLISHER_OPEN', codes.PROTOCOL_VIOLATION, [rawFrame(0x10, Buffer.of(0, 0))]],
  ['A frame of another kind of stream', codes.UNKNOWN_FRAME, [rawFrame(0x23, Buffer.of(1, 1))]],
]) {
  test(`${fault} on a publish stream ends only that stream`, async (t) => {
    const { broker, publisher, queue } = await queueAndPublisher(t);
    const stream = await broker.openStream(streamKinds.publish);
    await stream.send('PUBLISHER_OPEN', { producer_id: '', flags: 0 });
    await stream.expect('PUBLISHER_READY');
    for (const frame of bytes) {
      await stream.write(frame);
    }
    await assert.rejects(readToEnd(stream), (error) => error instanceof StreamFault && error.code === code && error.reason !== '');
    assert.equal((await publisher.publish({ routing_key: queue, body: 'x' })).frame, 'CONFIRM');
  });
}

function publish(sequence, bytes) {
  return rawFrame(0x12, Buffer.concat([Buffer.of(sequence, 0), bytes]));
}

// The outcome of an earlier message may come before the error of a later one.
async function readToEnd(stream) {
  while ((await stream.next()) !== null) {
    continue;
  }
}

async function queueAndPublisher(t) {
  const broker = await connect(t);
  const requests = await broker.requests();
  const queue = uniqueName('queue');
  await requests.declareQueue(queue);
  return { broker, queue, requests, publisher: await broker.publisher() };
}
