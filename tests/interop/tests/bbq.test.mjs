import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes } from '../codec/error-codes.mjs';
import { Bbq, settlements } from '../client/bbq.mjs';
import { connect, nodeEndPoint, uniqueName } from '../client/node.mjs';
import { StreamEnded } from '../client/quic.mjs';

test('A message published by bbq through an exchange is consumed by bbq and acknowledged', async (t) => {
  const { bbq, requests, exchange, queue } = await topology(t);
  await bbq.publish(exchange, 'route1', Buffer.from('hello world'));
  const consume = await bbq.consume(queue);
  assert.equal((await consume.message()).toString(), 'hello world');
  await consume.settle(settlements.ack);
  assert.equal((await requests.deleteQueue(queue)).count, 0n);
});

test('A message that is not acknowledged comes again, one that is rejected does not', async (t) => {
  const { bbq, requests, queue } = await topology(t);
  await bbq.publish('', queue, Buffer.from('again'));
  for (const settlement of [settlements.nack, settlements.nack, settlements.reject]) {
    const consume = await bbq.consume(queue);
    assert.equal((await consume.message()).toString(), 'again');
    await consume.settle(settlement);
  }
  assert.equal((await requests.deleteQueue(queue)).count, 0n);
});

test('A consume waits on an empty queue', async (t) => {
  const { bbq, queue } = await topology(t);
  const consume = await bbq.consume(queue);
  const message = consume.message();
  await bbq.publish('', queue, Buffer.from('late'));
  assert.equal((await message).toString(), 'late');
  await consume.settle(settlements.ack);
});

for (const [how, leave] of [
  ['ends', (consume) => consume.leave()],
  ['is reset', (consume) => consume.abandon(codes.CANCELLED)],
]) {
  test(`A message goes back when its stream ${how} before the last byte`, async (t) => {
    const { bbq, queue } = await topology(t);
    await bbq.publish('', queue, Buffer.from('kept'));
    const first = await bbq.consume(queue);
    await first.message();
    await leave(first);
    const second = await bbq.consume(queue);
    assert.equal((await second.message()).toString(), 'kept');
    await second.settle(settlements.ack);
  });
}

test('A message goes back when its connection ends before the last byte', async (t) => {
  const { bbq, queue } = await topology(t);
  await bbq.publish('', queue, Buffer.from('kept'));
  const leaving = await Bbq.connect(nodeEndPoint());
  await (await leaving.consume(queue)).message();
  await leaving.close();
  const second = await bbq.consume(queue);
  assert.equal((await second.message()).toString(), 'kept');
  await second.settle(settlements.ack);
});

test('What bbq publishes, broker/1 delivers, and the other way round', async (t) => {
  const { bbq, broker, exchange, queue } = await topology(t);
  const body = Buffer.alloc(70_000, 'sixteen bits are not enough ');
  await bbq.publish(exchange, 'route1', body);
  const consumer = await broker.subscribe(queue, { credit_messages: 1 });
  const delivery = await consumer.delivery();
  assert.deepEqual([delivery.message.exchange, delivery.message.routing_key], [exchange, 'route1']);
  assert.ok(delivery.message.body.equals(body));
  await consumer.ack(delivery);
  await consumer.end();

  const publisher = await broker.publisher();
  await publisher.publish({ exchange, routing_key: 'route1', properties: { content_type: 'text/plain' }, body: 'back' });
  const consume = await bbq.consume(queue);
  assert.equal((await consume.message()).toString(), 'back');
  await consume.settle(settlements.ack);
});

test('A hundred messages, a stream each, all arrive', async (t) => {
  const { bbq, requests, queue } = await topology(t);
  const sent = Array.from({ length: 100 }, (_, i) => `message ${i}`);
  await Promise.all(sent.map((message) => bbq.publish('', queue, Buffer.from(message))));
  const got = [];
  for (let i = 0; i < sent.length; i++) {
    const consume = await bbq.consume(queue);
    got.push((await consume.message()).toString());
    await consume.settle(settlements.ack);
  }
  assert.deepEqual(got.sort(), [...sent].sort());
  assert.equal((await requests.deleteQueue(queue)).count, 0n);
});

test('An exchange or a queue that does not exist resets only its stream', async (t) => {
  const { bbq, exchange } = await topology(t);
  const absent = uniqueName('absent');
  await assert.rejects(bbq.publish(absent, 'route1', Buffer.from('x')), resetWith(codes.NOT_FOUND));
  await assert.rejects((await bbq.consume(absent)).message(), resetWith(codes.NOT_FOUND));
  await bbq.publish(exchange, 'route1', Buffer.from('x'));
});

function resetWith(code) {
  return (error) => error instanceof StreamEnded && error.code === code;
}

/** bbq has no declarations: broker/1 makes a direct exchange and a queue bound to it by `route1`. */
async function topology(t) {
  const broker = await connect(t);
  const requests = await broker.requests();
  const [exchange, queue] = [uniqueName('exchange'), uniqueName('queue')];
  await requests.declareExchange(exchange, 'direct');
  await requests.declareQueue(queue);
  await requests.bindQueue(exchange, queue, 'route1');
  const bbq = await Bbq.connect(nodeEndPoint());
  t.after(() => bbq.close());
  return { broker, requests, bbq, exchange, queue };
}
