import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes } from '../codec/error-codes.mjs';
import { applicationProtocol, Broker } from '../client/broker.mjs';
import { StreamFault, streamKinds } from '../client/frame-stream.mjs';
import { connect, foreignCertificates, nodeEndPoint } from '../client/node.mjs';
import { QuicConnection } from '../client/quic.mjs';

const noApplicationProtocol = 0x100 + 120;

test('A client is welcomed under the name of its certificate, within the limits of the protocol', async (t) => {
  const { welcome } = await connect(t);
  assert.equal(welcome.version, 1);
  assert.equal(welcome.identity, 'client');
  assert.notEqual(welcome.node_id, '');
  assert.notEqual(welcome.product_version, '');
  assert.ok(welcome.max_message >= 1024 && welcome.max_message <= 2 ** 30, `max message ${welcome.max_message}`);
  assert.ok(welcome.max_frame_payload >= welcome.max_message + 1024, `max frame payload ${welcome.max_frame_payload}`);
});

test('Two connections have two connection ids', async (t) => {
  const [one, other] = [await connect(t), await connect(t)];
  assert.notEqual(one.welcome.connection_id, other.welcome.connection_id);
});

test('A client without a certificate is refused', async () => {
  await assertRefused(nodeEndPoint({ user: null }));
});

test('A client with a certificate of another authority is refused', async () => {
  await assertRefused(nodeEndPoint({ userFolder: foreignCertificates }));
});

test('A node with a certificate of another authority is refused by the client', async () => {
  await assert.rejects(QuicConnection.connect(nodeEndPoint({ folder: foreignCertificates }), applicationProtocol));
});

test('An application protocol that the node does not speak is refused in the handshake', async () => {
  await assert.rejects(QuicConnection.connect(nodeEndPoint(), 'broker/0'), (error) => error.data?.errorCode === noApplicationProtocol);
});

test('A version that the node does not speak closes the connection', async (t) => {
  await assertClosed(t, await Broker.open(nodeEndPoint(), { version: 2 }), codes.UNSUPPORTED_VERSION);
});

test('A vhost that does not exist closes the connection', async (t) => {
  await assertClosed(t, await Broker.open(nodeEndPoint(), { vhost: 'no-such-vhost' }), codes.NOT_FOUND);
});

test('A second control stream closes the connection', async (t) => {
  const broker = await Broker.connect(nodeEndPoint());
  await broker.openStream(streamKinds.control);
  await assertClosed(t, broker, codes.PROTOCOL_VIOLATION);
});

test('A frame of another kind of stream on the control stream closes the connection', async (t) => {
  const broker = await Broker.connect(nodeEndPoint());
  await broker.control.send('CREDIT', { messages: 1, bytes: 1 });
  await assertClosed(t, broker, codes.UNKNOWN_FRAME);
});

test('A second HELLO closes the connection', async (t) => {
  const broker = await Broker.connect(nodeEndPoint());
  await broker.control.send('HELLO', {
    version: 1,
    client_name: '',
    client_version: '',
    vhost: '/',
    max_frame_payload: 4096,
    max_message: 1024,
  });
  await assertClosed(t, broker, codes.PROTOCOL_VIOLATION);
});

test('FIN on the control stream asks the node to close the connection', async (t) => {
  const broker = await Broker.connect(nodeEndPoint());
  await broker.control.finish();
  await assertClosed(t, broker, codes.NO_ERROR);
});

test('A stream opened before WELCOME is served after it', async (t) => {
  const broker = await Broker.open(nodeEndPoint());
  t.after(() => broker.close());
  assert.equal((await broker.echo(Buffer.from('early'))).toString(), 'early');
  await broker.control.expect('WELCOME');
});

test('A stream kind that the node does not have ends only that stream', async (t) => {
  const broker = await connect(t);
  const stream = await broker.openStream(63);
  await assert.rejects(stream.next(), hasCode(codes.UNKNOWN_STREAM_KIND));
  assert.equal((await broker.echo(Buffer.from('alive'))).toString(), 'alive');
});

test('A stream kind that comes in pieces is understood', async (t) => {
  const broker = await connect(t);
  // The number 4 in eight bytes.
  const kind = Buffer.of(0xc0, 0, 0, 0, 0, 0, 0, 4);
  const stream = await broker.openStream(kind.subarray(0, 1));
  for (const byte of kind.subarray(1)) {
    await stream.write(Buffer.of(byte));
  }
  await stream.send('GET', { request_id: 1, queue: 'no-such-queue', flags: 0 });
  assert.equal((await stream.expect('REQUEST_ERROR')).code, codes.NOT_FOUND);
});

test('Echo gives back every byte, of one and of four million', async (t) => {
  const broker = await connect(t);
  for (const length of [0, 1, 4_000_000]) {
    const bytes = Buffer.alloc(length, (index) => index);
    assert.ok((await broker.echo(bytes)).equals(bytes), `${length} bytes`);
  }
});

test('Fifty echo streams at once each get their own bytes', async (t) => {
  const broker = await connect(t);
  const sent = Array.from({ length: 50 }, (_, index) => Buffer.alloc(1000 * index, `${index} `));
  const got = await Promise.all(sent.map((bytes) => broker.echo(bytes)));
  got.forEach((bytes, index) => assert.ok(bytes.equals(sent[index]), `stream ${index}`));
});

/** No WELCOME: the handshake fails, or the connection is closed by TLS after the client thought it done. */
async function assertRefused(endPoint) {
  let connection;
  try {
    connection = await QuicConnection.connect(endPoint, applicationProtocol);
  } catch {
    return;
  }
  try {
    const close = await connection.closedByPeer();
    assert.equal(close.application, false);
    assert.ok(close.code >= 0x100 && close.code < 0x200, `transport code ${close.code} is no TLS alert`);
  } finally {
    await connection.close();
  }
}

async function assertClosed(t, broker, code) {
  t.after(() => broker.close());
  const close = await broker.closedByPeer();
  assert.deepEqual({ application: close.application, code: close.code }, { application: true, code }, close.reason);
  if (code !== codes.NO_ERROR) {
    assert.notEqual(close.reason, '');
  }
}

function hasCode(code) {
  return (error) => error instanceof StreamFault && error.code === code;
}
