import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteWriter } from '../codec/bytes.mjs';
import { codes } from '../codec/error-codes.mjs';
import { rawFrame } from '../codec/frames.mjs';
import { StreamFault } from '../client/frame-stream.mjs';
import { connect, uniqueName } from '../client/node.mjs';
import { RequestError } from '../client/requests.mjs';

const queueFlags = { passive: 8 };
const deleteFlags = { ifUnused: 1, ifEmpty: 2 };

test('Declaring a queue again has no effect, and a passive declaration only asks', async (t) => {
  const requests = await (await connect(t)).requests();
  const name = uniqueName('queue');
  assert.deepEqual(counts(await requests.declareQueue(name)), { name, messages: 0n, consumers: 0n });
  assert.deepEqual(counts(await requests.declareQueue(name)), { name, messages: 0n, consumers: 0n });
  assert.deepEqual(counts(await requests.declareQueue(name, queueFlags.passive)), { name, messages: 0n, consumers: 0n });
  assert.equal((await requests.deleteQueue(name)).count, 0n);
});

test('A passive declaration of what is absent is NOT_FOUND', async (t) => {
  const requests = await (await connect(t)).requests();
  await assert.rejects(requests.declareQueue(uniqueName('absent'), queueFlags.passive), refusedWith(codes.NOT_FOUND));
});

test('A queue declared without a name gets one', async (t) => {
  const requests = await (await connect(t)).requests();
  const { name } = await requests.declareQueue('');
  assert.match(name, /^amq\./);
  assert.equal((await requests.declareQueue(name, queueFlags.passive)).name, name);
  await requests.deleteQueue(name);
});

test('Declaring an exchange again the same way has no effect, as another type is an error', async (t) => {
  const requests = await (await connect(t)).requests();
  const name = uniqueName('exchange');
  await requests.declareExchange(name, 'direct');
  await requests.declareExchange(name, 'direct');
  await assert.rejects(requests.declareExchange(name, 'fanout'), refusedWith(codes.PRECONDITION_FAILED));
  await assert.rejects(requests.declareExchange(uniqueName('exchange'), 'no-such-type'), refusedWith(codes.INVALID_ARGUMENT));
  await requests.deleteExchange(name);
});

test('What is deleted twice, or unbound twice, was gone already and is no error', async (t) => {
  const requests = await (await connect(t)).requests();
  const [exchange, queue] = [uniqueName('exchange'), uniqueName('queue')];
  await requests.declareExchange(exchange, 'direct');
  await requests.declareQueue(queue);
  await requests.bindQueue(exchange, queue, 'a');
  await requests.bindQueue(exchange, queue, 'a');
  await requests.unbindQueue(exchange, queue, 'a');
  await requests.unbindQueue(exchange, queue, 'a');
  assert.equal((await requests.deleteQueue(queue)).count, 0n);
  assert.equal((await requests.deleteQueue(queue)).count, 0n);
  await requests.deleteExchange(exchange);
  await requests.deleteExchange(exchange);
});

test('A bound exchange is not deleted if it must be unused', async (t) => {
  const requests = await (await connect(t)).requests();
  const [exchange, queue] = [uniqueName('exchange'), uniqueName('queue')];
  await requests.declareExchange(exchange, 'direct');
  await requests.declareQueue(queue);
  await requests.bindQueue(exchange, queue, 'a');
  await assert.rejects(requests.deleteExchange(exchange, deleteFlags.ifUnused), refusedWith(codes.PRECONDITION_FAILED));
  await requests.deleteExchange(exchange);
  await requests.deleteQueue(queue);
});

test('Bindings need their exchange and their queue, and the default exchange takes none', async (t) => {
  const requests = await (await connect(t)).requests();
  const [exchange, queue, absent] = [uniqueName('exchange'), uniqueName('queue'), uniqueName('absent')];
  await requests.declareExchange(exchange, 'direct');
  await requests.declareQueue(queue);
  await assert.rejects(requests.bindQueue(absent, queue, 'a'), refusedWith(codes.NOT_FOUND));
  await assert.rejects(requests.bindQueue(exchange, absent, 'a'), refusedWith(codes.NOT_FOUND));
  await assert.rejects(requests.bindQueue('', queue, 'a'), refusedWith(codes.ACCESS_REFUSED));
  await requests.deleteQueue(queue);
  await requests.deleteExchange(exchange);
});

test('A purge counts what it drops, and a queue that must be empty to be deleted stays until then', async (t) => {
  const broker = await connect(t);
  const [requests, publisher] = [await broker.requests(), await broker.publisher()];
  const queue = uniqueName('queue');
  await requests.declareQueue(queue);
  for (const body of ['a', 'b', 'c']) {
    assert.equal((await publisher.publish({ routing_key: queue, body })).frame, 'CONFIRM');
  }
  assert.equal((await requests.declareQueue(queue, queueFlags.passive)).messages, 3n);
  await assert.rejects(requests.deleteQueue(queue, deleteFlags.ifEmpty), refusedWith(codes.PRECONDITION_FAILED));
  assert.equal((await requests.purgeQueue(queue)).count, 3n);
  assert.equal((await requests.deleteQueue(queue, deleteFlags.ifEmpty)).count, 0n);
  await assert.rejects(requests.purgeQueue(queue), refusedWith(codes.NOT_FOUND));
});

test('A hundred requests under way on one stream are answered in their order', async (t) => {
  const requests = await (await connect(t)).requests();
  const names = Array.from({ length: 50 }, () => uniqueName('queue'));
  const answers = await Promise.all(names.flatMap((name) => [requests.declareQueue(name), requests.deleteQueue(name)]));
  assert.deepEqual(
    answers.map(({ frame }) => frame),
    names.flatMap(() => ['QUEUE_OK', 'COUNT_OK']),
  );
});

test('Requests before FIN are answered after it', async (t) => {
  const requests = await (await connect(t)).requests();
  const name = uniqueName('queue');
  const answers = [requests.declareQueue(name), requests.deleteQueue(name)];
  await requests.stream.finish();
  assert.deepEqual((await Promise.all(answers)).map(({ frame }) => frame), ['QUEUE_OK', 'COUNT_OK']);
  assert.equal(await requests.stream.next(), null);
});

test('GET takes one message after the other, says what remains, and settles by tag', async (t) => {
  const broker = await connect(t);
  const [requests, publisher] = [await broker.requests(), await broker.publisher()];
  const queue = uniqueName('queue');
  await requests.declareQueue(queue);
  assert.equal((await requests.get(queue)).frame, 'GET_EMPTY');
  for (const body of ['first', 'second']) {
    await publisher.publish({ routing_key: queue, body });
  }

  const first = await requests.get(queue);
  assert.deepEqual(
    { ...gotten(first), redelivered: first.flags },
    { tag: 1n, count: 0n, remaining: 1n, body: 'first', routingKey: queue, redelivered: 0 },
  );
  await settle(requests, 'requeue', first);
  const again = await requests.get(queue);
  assert.deepEqual(
    { ...gotten(again), redelivered: again.flags },
    { tag: 2n, count: 1n, remaining: 1n, body: 'first', routingKey: queue, redelivered: 1 },
  );
  await settle(requests, 'ack', again);
  assert.equal(gotten(await requests.get(queue, 1)).body, 'second');
  assert.equal((await requests.get(queue)).frame, 'GET_EMPTY');
  assert.equal((await requests.deleteQueue(queue)).count, 0n);
});

test('What GET took and nobody settled goes back when the stream ends', async (t) => {
  const broker = await connect(t);
  const [requests, publisher] = [await broker.requests(), await broker.publisher()];
  const queue = uniqueName('queue');
  await requests.declareQueue(queue);
  await publisher.publish({ routing_key: queue, body: 'kept' });
  const other = await broker.requests();
  assert.equal(gotten(await other.get(queue)).body, 'kept');
  await other.stream.end();
  const { message, flags } = await (await broker.subscribe(queue)).delivery();
  assert.deepEqual({ body: message.body.toString(), flags }, { body: 'kept', flags: 1 });
  await requests.deleteQueue(queue);
});

for (const [fault, code, bytes] of [
  ['A frame of another kind of stream', codes.UNKNOWN_FRAME, rawFrame(0x12, Buffer.alloc(3))],
  ['A frame that nobody knows', codes.UNKNOWN_FRAME, rawFrame(0x3f, Buffer.alloc(3))],
  ['A malformed frame', codes.PROTOCOL_VIOLATION, rawFrame(0x34, Buffer.of(1, 5, 0x61))],
  ['A payload with bytes left over', codes.PROTOCOL_VIOLATION, rawFrame(0x34, Buffer.of(1, 1, 0x61, 0))],
  ['A name longer than the limit', codes.LIMIT_EXCEEDED, rawFrame(0x34, new ByteWriter().varint(1).text('n'.repeat(256)).finish())],
  ['A frame that only the server sends', codes.PROTOCOL_VIOLATION, rawFrame(0x40, Buffer.of(1))],
  ['An unknown kind of destination', codes.PROTOCOL_VIOLATION, rawFrame(0x35, Buffer.of(1, 1, 0x61, 2, 1, 0x62, 0, 0))],
  ['A table with more entries than the limit', codes.LIMIT_EXCEEDED, declareQueueWith(new ByteWriter().varint(1025))],
  ['A table with a name twice', codes.PROTOCOL_VIOLATION, declareQueueWith(new ByteWriter().varint(2).text('a').byte(0).text('a').byte(0))],
  ['Text that is not UTF-8', codes.PROTOCOL_VIOLATION, rawFrame(0x34, Buffer.of(1, 2, 0xc3, 0x28))],
  ['An unknown flag', codes.PROTOCOL_VIOLATION, rawFrame(0x33, Buffer.of(1, 1, 0x61, 4))],
  // Announces 2^30 bytes; none of them need come.
  ['A frame longer than the limit', codes.FRAME_TOO_LARGE, Buffer.of(0x34, 0xc0, 0, 0, 0, 0x40, 0, 0, 0)],
]) {
  test(`${fault} on a request stream ends only that stream`, async (t) => {
    const broker = await connect(t);
    const [stream, other] = [(await broker.requests()).stream, await broker.requests()];
    await stream.write(bytes);
    await assert.rejects(stream.next(), (error) => error instanceof StreamFault && error.code === code && error.reason !== '');
    await assert.rejects(other.get(uniqueName('absent')), refusedWith(codes.NOT_FOUND));
  });
}

function declareQueueWith(table) {
  return rawFrame(0x32, new ByteWriter().varint(1).text('q').varint(0).raw(table.finish()).finish());
}

function counts({ name, messages, consumers }) {
  return { name, messages, consumers };
}

function gotten({ delivery_tag, delivery_count, messages_remaining, message }) {
  return {
    tag: delivery_tag,
    count: delivery_count,
    remaining: messages_remaining,
    body: message.body.toString(),
    routingKey: message.routing_key,
  };
}

async function settle(requests, outcome, { delivery_tag }) {
  await requests.stream.send('SETTLE', { outcome: { ack: 0, requeue: 1, reject: 2 }[outcome], ranges: [[delivery_tag, delivery_tag]], reason: '' });
}

function refusedWith(code) {
  return (error) => error instanceof RequestError && error.code === code && error.reason !== '';
}
