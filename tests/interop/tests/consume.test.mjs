import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes } from '../codec/error-codes.mjs';
import { encodeFrame, rawFrame } from '../codec/frames.mjs';
import { StreamFault, streamKinds } from '../client/frame-stream.mjs';
import { connect, uniqueName } from '../client/node.mjs';
import { deliverFlags, subscribeFlags } from '../client/consumer.mjs';

test('Messages come in order, tagged from 1, and a settled queue is empty', async (t) => {
  const { broker, requests, queue } = await queueWith(t, ['a', 'b', 'c']);
  const consumer = await broker.subscribe(queue, { consumer_tag: 'mine' });
  assert.equal(consumer.tag, 'mine');
  const deliveries = await consumer.deliveries(3);
  assert.deepEqual(deliveries.map(summary), [
    { tag: 1n, flags: 0, count: 0n, body: 'a' },
    { tag: 2n, flags: 0, count: 0n, body: 'b' },
    { tag: 3n, flags: 0, count: 0n, body: 'c' },
  ]);
  await consumer.ack(...deliveries);
  await consumer.end();
  assert.equal((await requests.deleteQueue(queue)).count, 0n);
});

test('A consumer without a tag is given one', async (t) => {
  const { broker, queue } = await queueWith(t, []);
  assert.notEqual((await broker.subscribe(queue)).tag, '');
});

test('No more messages come than there is credit for', async (t) => {
  const { broker, queue } = await queueWith(t, ['a', 'b', 'c', 'd', 'e']);
  const consumer = await broker.subscribe(queue, { credit_messages: 2 });
  assert.deepEqual(bodies(await consumer.deliveries(2)), ['a', 'b']);
  // CANCELLED comes after the last DELIVER: whatever was sent beyond the credit would stand before it.
  const { late } = await consumer.cancel();
  assert.deepEqual(bodies(late), []);

  const second = await broker.subscribe(queue, { credit_messages: 1 });
  assert.deepEqual(bodies(await second.deliveries(1)), ['c']);
  await second.credit(2, 0);
  assert.deepEqual(bodies(await second.deliveries(2)), ['d', 'e']);
});

test('Credit in bytes may end below zero by one message, and no other follows', async (t) => {
  const { broker, queue } = await queueWith(t, ['x'.repeat(1000), 'y'.repeat(1000), 'z'.repeat(1000)]);
  const consumer = await broker.subscribe(queue, { credit_bytes: 1 });
  assert.equal((await consumer.delivery()).message.body.length, 1000);
  // The first message was at least 1000 bytes on a credit of 1, so 500 more leave the balance below zero.
  await consumer.credit(0, 500);
  assert.deepEqual((await consumer.cancel()).late, []);

  const second = await broker.subscribe(queue, { credit_bytes: 1 });
  await second.delivery();
  await second.credit(0, 1100);
  assert.equal((await second.delivery()).message.body[0], 'z'.charCodeAt());
});

test('A requeued message takes its old place and is marked redelivered', async (t) => {
  const { broker, queue } = await queueWith(t, ['a', 'b', 'c']);
  const consumer = await broker.subscribe(queue, { credit_messages: 2 });
  const [a, b] = await consumer.deliveries(2);
  await consumer.requeue(a);
  await consumer.credit(2, 0);
  assert.deepEqual((await consumer.deliveries(2)).map(summary), [
    { tag: 3n, flags: deliverFlags.redelivered, count: 1n, body: 'a' },
    { tag: 4n, flags: 0, count: 0n, body: 'c' },
  ]);
  await consumer.ack(b);
});

test('A rejected message does not come back', async (t) => {
  const { broker, queue } = await queueWith(t, ['a', 'b']);
  const consumer = await broker.subscribe(queue);
  const [a, b] = await consumer.deliveries(2);
  await consumer.reject(a);
  await consumer.requeue(b);
  assert.equal((await consumer.delivery()).message.body.toString(), 'b');
  assert.deepEqual((await consumer.cancel()).late, []);
});

test('With confirmed settlements each tag is answered once', async (t) => {
  const { broker, queue } = await queueWith(t, ['a', 'b', 'c', 'd', 'e']);
  const consumer = await broker.subscribe(queue, { flags: subscribeFlags.confirmSettles });
  const [a, b, c, d, e] = await consumer.deliveries(5);
  await consumer.ack(a, b, e);
  await consumer.reject(d);
  await consumer.ack(c);
  await consumer.stream.finish();
  const settled = [];
  for (let frame = await consumer.stream.next(); frame !== null; frame = await consumer.stream.next()) {
    assert.equal(frame.frame, 'SETTLED');
    for (const [first, last] of frame.ranges) {
      for (let tag = first; tag <= last; tag++) {
        settled.push(tag);
      }
    }
  }
  assert.deepEqual(settled.sort(), [1n, 2n, 3n, 4n, 5n]);
});

for (const [how, leave] of [
  ['ends', (consumer) => consumer.end()],
  ['is reset', (consumer) => consumer.stream.abandon()],
  ['loses its connection', (_, broker) => broker.close()],
]) {
  test(`What a consumer has not settled goes back in order when its stream ${how}`, async (t) => {
    const { queue } = await queueWith(t, ['a', 'b', 'c']);
    const leaving = await connect(t);
    const consumer = await leaving.subscribe(queue, { credit_messages: 2 });
    await consumer.deliveries(2);
    await leave(consumer, leaving);

    const second = await (await connect(t)).subscribe(queue);
    // Until the first consumer's end is known, only what it was not sent is free.
    const deliveries = (await second.deliveries(3)).map(summary);
    assert.deepEqual(
      deliveries.filter(({ flags }) => flags & deliverFlags.redelivered).map(({ body, count }) => [body, count]),
      [['a', 1n], ['b', 1n]],
    );
    assert.deepEqual(deliveries.map(({ body }) => body).sort(), ['a', 'b', 'c']);
  });
}

test('Two consumers share a queue and each message goes to one of them', async (t) => {
  const { broker, publisher, queue } = await queueWith(t, []);
  const consumers = [await broker.subscribe(queue, { credit_messages: 50 }), await broker.subscribe(queue, { credit_messages: 50 })];
  const sent = Array.from({ length: 100 }, (_, i) => String(i));
  for (const body of sent) {
    await publisher.write({ routing_key: queue, body });
  }
  const got = await Promise.all(consumers.map(async (consumer) => bodies(await consumer.deliveries(50))));
  assert.deepEqual(got.flat().sort(), [...sent].sort());
  for (const list of got) {
    assert.deepEqual(list, [...list].sort((a, b) => a - b), 'each in order');
  }
});

test('An exclusive consumer keeps others out, and is kept out by them', async (t) => {
  const { broker, queue } = await queueWith(t, []);
  const exclusive = await broker.subscribe(queue, { flags: subscribeFlags.exclusive });
  await assert.rejects(broker.subscribe(queue), faultWith(codes.RESOURCE_LOCKED));
  await exclusive.end();
  await broker.subscribe(queue);
  await assert.rejects(broker.subscribe(queue, { flags: subscribeFlags.exclusive }), faultWith(codes.RESOURCE_LOCKED));
});

test('What is sent without acknowledgement is gone from the queue', async (t) => {
  const { broker, requests, queue } = await queueWith(t, ['a', 'b']);
  const consumer = await broker.subscribe(queue, { flags: subscribeFlags.noAck });
  const deliveries = await consumer.deliveries(2);
  await consumer.ack(deliveries[0]);
  await assert.rejects(consumer.stream.next(), faultWith(codes.PROTOCOL_VIOLATION));
  assert.equal((await requests.deleteQueue(queue)).count, 0n);
});

test('After CANCELLED a consumer may settle what it holds', async (t) => {
  const { broker, requests, queue } = await queueWith(t, ['a', 'b']);
  const consumer = await broker.subscribe(queue);
  const deliveries = await consumer.deliveries(2);
  const { cancelled, late } = await consumer.cancel();
  assert.deepEqual([cancelled.code, late], [codes.NO_ERROR, []]);
  await consumer.ack(...deliveries);
  await consumer.stream.end();
  assert.equal((await requests.deleteQueue(queue)).count, 0n);
});

test('A consumer is told when its queue is deleted', async (t) => {
  const { broker, requests, queue } = await queueWith(t, ['a']);
  const consumer = await broker.subscribe(queue);
  const held = await consumer.delivery();
  await requests.deleteQueue(queue);
  assert.equal((await consumer.stream.expect('CANCELLED')).code, codes.QUEUE_DELETED);
  await consumer.ack(held);
  await consumer.stream.end();
});

test('Settling a tag twice ends only that stream, and nothing of that frame takes effect', async (t) => {
  const { broker, requests, queue } = await queueWith(t, ['a', 'b']);
  const consumer = await broker.subscribe(queue);
  const [a, b] = await consumer.deliveries(2);
  await consumer.ack(a);
  await consumer.ack(a, b);
  await assert.rejects(consumer.stream.next(), faultWith(codes.UNKNOWN_DELIVERY_TAG));
  const again = await (await broker.subscribe(queue)).delivery();
  assert.equal(again.message.body.toString(), 'b');
  await requests.deleteQueue(queue);
});

test('A tag that was never delivered cannot be settled', async (t) => {
  const { broker, queue } = await queueWith(t, []);
  const consumer = await broker.subscribe(queue);
  await consumer.ack({ delivery_tag: 1n });
  await assert.rejects(consumer.stream.next(), faultWith(codes.UNKNOWN_DELIVERY_TAG));
});

const [subscribe, credit, settle] = [0x20, 0x23, 0x24];
for (const [fault, code, bytes] of [
  ['A second SUBSCRIBE', codes.PROTOCOL_VIOLATION, rawFrame(subscribe, Buffer.of(1, 0x71, 0, 0, 1, 1, 0))],
  ['A frame of another kind of stream', codes.UNKNOWN_FRAME, rawFrame(0x37, Buffer.of(1, 1, 0x71, 0))],
  ['A frame that only the server sends', codes.PROTOCOL_VIOLATION, encodeFrame('SUBSCRIBED', { consumer_tag: '' })],
  ['Credit over the limit', codes.LIMIT_EXCEEDED, encodeFrame('CREDIT', { messages: 2 ** 40 + 1, bytes: 0 })],
  ['An unknown outcome', codes.PROTOCOL_VIOLATION, rawFrame(settle, Buffer.of(3, 1, 1, 0))],
  ['A settlement of nothing', codes.PROTOCOL_VIOLATION, rawFrame(settle, Buffer.of(0, 0))],
  ['A settlement of the tag 0', codes.PROTOCOL_VIOLATION, rawFrame(settle, Buffer.of(0, 1, 0, 0))],
  ['A settlement of more ranges than the limit', codes.LIMIT_EXCEEDED, rawFrame(settle, Buffer.of(0, 0x50, 0x01, 1, 0))],
  ['A payload with bytes left over', codes.PROTOCOL_VIOLATION, rawFrame(credit, Buffer.of(1, 1, 1))],
]) {
  test(`${fault} on a consume stream ends only that stream`, async (t) => {
    const { broker, queue } = await queueWith(t, ['a']);
    const consumer = await broker.subscribe(queue, { credit_messages: 0 });
    await consumer.stream.write(bytes);
    await assert.rejects(consumer.stream.next(), faultWith(code));
    assert.equal((await (await broker.subscribe(queue)).delivery()).message.body.toString(), 'a');
  });
}

test('A consume stream begins with SUBSCRIBE', async (t) => {
  const stream = await (await connect(t)).openStream(streamKinds.consume);
  await stream.send('CREDIT', { messages: 1, bytes: 1 });
  await assert.rejects(stream.next(), faultWith(codes.PROTOCOL_VIOLATION));
});

test('A queue that does not exist cannot be consumed', async (t) => {
  const broker = await connect(t);
  await assert.rejects(broker.subscribe(uniqueName('absent')), faultWith(codes.NOT_FOUND));
});

test('A consumer that does not read holds up no one else on its connection', async (t) => {
  const { broker, publisher, requests, queue } = await queueWith(t, []);
  const other = uniqueName('queue');
  await requests.declareQueue(other);
  // Four times what a stream may have in flight by the client's QUIC settings; nobody reads it.
  await broker.subscribe(queue, { credit_messages: 1000, credit_bytes: 2 ** 30 });
  for (let i = 0; i < 64; i++) {
    await publisher.write({ routing_key: queue, body: Buffer.alloc(64 * 1024) });
  }
  const consumer = await broker.subscribe(other);
  for (let i = 0; i < 100; i++) {
    assert.equal((await publisher.publish({ routing_key: other, body: String(i) })).frame, 'CONFIRM');
    assert.equal((await consumer.delivery()).message.body.toString(), String(i));
  }
  await requests.deleteQueue(other);
});

function summary({ delivery_tag, flags, delivery_count, message }) {
  return { tag: delivery_tag, flags, count: delivery_count, body: message.body.toString() };
}

function bodies(deliveries) {
  return deliveries.map(({ message }) => message.body.toString());
}

function faultWith(code) {
  return (error) => error instanceof StreamFault && error.code === code && error.reason !== '';
}

/** A queue of the test's own with these messages in it. */
async function queueWith(t, messages) {
  const broker = await connect(t);
  const requests = await broker.requests();
  const queue = uniqueName('queue');
  await requests.declareQueue(queue);
  const publisher = await broker.publisher();
  for (const body of messages) {
    await publisher.publish({ routing_key: queue, body });
  }
  return { broker, requests, publisher, queue };
}
