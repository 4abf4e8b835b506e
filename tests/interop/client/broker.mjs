// A connection that speaks broker/1, and what can be opened on it.

import { encodeVarint } from '../codec/bytes.mjs';
import { Consumer } from './consumer.mjs';
import { FrameStream, streamKinds } from './frame-stream.mjs';
import { Publisher } from './publisher.mjs';
import { QuicConnection } from './quic.mjs';
import { Requests } from './requests.mjs';
import { within } from './within.mjs';

const maxMessage = 16_777_216;
const maxFramePayload = maxMessage + 1024;

export const applicationProtocol = 'broker/1';

export class Broker {
  #connection;

  /** Connects and sends HELLO; `welcome` is the server's answer. */
  static async connect(endPoint, hello) {
    const broker = await Broker.open(endPoint, hello);
    broker.welcome = await broker.control.expect('WELCOME');
    return broker;
  }

  /** Connects and sends HELLO, and leaves the answer on `control` to be read. */
  static async open(endPoint, hello = {}) {
    const connection = await QuicConnection.connect(endPoint, applicationProtocol);
    const control = await FrameStream.open(connection, streamKinds.control, 4096);
    await control.send('HELLO', {
      version: 1,
      client_name: 'interop',
      client_version: '1.0',
      vhost: '/',
      max_frame_payload: maxFramePayload,
      max_message: maxMessage,
      ...hello,
    });
    return new Broker(connection, control);
  }

  constructor(connection, control) {
    this.#connection = connection;
    this.control = control;
  }

  openStream(kind) {
    return FrameStream.open(this.#connection, kind, maxFramePayload);
  }

  async requests() {
    return new Requests(await this.openStream(streamKinds.request));
  }

  async publisher(options) {
    return Publisher.open(await this.openStream(streamKinds.publish), options);
  }

  async subscribe(queue, options) {
    return Consumer.open(await this.openStream(streamKinds.consume), queue, options);
  }

  /** What comes back for `bytes`. */
  async echo(bytes) {
    const stream = this.#connection.openStream();
    await stream.write(encodeVarint(streamKinds.echo));
    const answer = within(stream.readToEnd(), `${bytes.length} bytes of echo`);
    const sent = stream.write(bytes).then(() => stream.finish());
    return (await Promise.all([answer, sent]))[0];
  }

  closedByPeer() {
    return this.#connection.closedByPeer();
  }

  async close() {
    await this.#connection.close();
  }
}
