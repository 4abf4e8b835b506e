// The main job by a foreign client: declare, publish ten thousand, consume and acknowledge them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, uniqueName } from '../client/node.mjs';
import { publishFlags } from '../client/publisher.mjs';

const messageCount = 10_000;
const batchSize = 100;
const window = { messages: 500, bytes: 1 << 20 };

for (const { type, keys } of [
  { type: 'direct', keys: ['even', 'odd'] },
  { type: 'fanout', keys: ['', ''] },
]) {
  test(`${messageCount} messages through a ${type} exchange are confirmed, delivered in order and acknowledged`, async (t) => {
    const [publishing, consuming] = [await connect(t), await connect(t)];
    const requests = await publishing.requests();
    const exchange = uniqueName(type);
    const queues = keys.map((key) => ({ key, name: uniqueName('queue') }));
    await requests.declareExchange(exchange, type);
    for (const { key, name } of queues) {
      await requests.declareQueue(name);
      await requests.bindQueue(exchange, name, key);
    }

    const expected = queues.map((_, queue) => sequenceFrom(0, messageCount).filter((i) => type === 'fanout' || i % 2 === queue));
    const [, ...received] = await Promise.all([
      publishAll(publishing, exchange),
      ...queues.map(({ name }, queue) => consume(consuming, name, expected[queue].length)),
    ]);
    received.forEach((messages, queue) => {
      assert.deepEqual(messages.map(({ number }) => number), expected[queue]);
      for (const { number, flags, delivery_count, message } of messages) {
        assert.deepEqual({ flags, delivery_count, message }, { flags: 0, delivery_count: 0n, message: messageOf(exchange, number) });
      }
    });

    for (const { name } of queues) {
      assert.equal((await requests.deleteQueue(name)).count, 0n, 'everything was settled');
    }
    await requests.deleteExchange(exchange);
  });
}

async function publishAll(broker, exchange) {
  const publisher = await broker.publisher();
  const sequences = [];
  for (let first = 0; first < messageCount; first += batchSize) {
    const batch = sequenceFrom(first, batchSize).map((i) => messageOf(exchange, i));
    sequences.push(...(await publisher.writeAll(batch, publishFlags.mandatory)));
  }
  for (const sequence of sequences) {
    const outcome = await publisher.outcome(sequence);
    assert.equal(outcome.frame, 'CONFIRM', `sequence ${sequence}: ${outcome.reason}`);
  }
  await publisher.end();
}

/** Settles in batches of half the window, and gives as much credit again. */
async function consume(broker, queue, count) {
  const consumer = await broker.subscribe(queue, { credit_messages: window.messages, credit_bytes: window.bytes });
  const received = [];
  let unsettled = [];
  while (received.length < count) {
    const delivery = await consumer.delivery();
    assert.equal(delivery.delivery_tag, BigInt(received.length + 1));
    received.push({ ...delivery, number: Number(delivery.message.properties.message_id) });
    unsettled.push(delivery);
    if (unsettled.length === window.messages / 2 || received.length === count) {
      await consumer.ack(...unsettled);
      await consumer.credit(unsettled.length, unsettled.length * 600);
      unsettled = [];
    }
  }
  await consumer.end();
  return received;
}

/** Message of this number: the same on its way in and out. Its body has 0 to 499 bytes. */
function messageOf(exchange, number) {
  return {
    exchange,
    routing_key: number % 2 === 0 ? 'even' : 'odd',
    properties: { message_id: String(number), headers: [{ name: 'n', type: 'integer', value: BigInt(number) }] },
    body: Buffer.alloc(number % 500, `${number} `),
  };
}

function sequenceFrom(first, count) {
  return Array.from({ length: count }, (_, i) => first + i);
}
