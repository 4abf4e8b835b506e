// QUIC by quiche, as little of it as a client needs: connect with a certificate, open bidirectional streams, close with a code.

import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { QUICClient, events } from '@matrixai/quic';
import { within } from './within.mjs';

// The library tells every step; a failed test shows what the client saw.
const silent = { info() {}, debug() {}, warn() {}, error() {}, getChild: () => silent };
const crypto = { ops: { randomBytes: async (buffer) => void webcrypto.getRandomValues(new Uint8Array(buffer)) } };

/** The peer ended one direction of a stream with this code (RESET_STREAM or STOP_SENDING). */
export class StreamEnded extends Error {
  constructor(direction, code) {
    super(`the peer ended the stream (${direction}) with code ${code}`);
    this.code = code;
  }
}

/**
 * Where a node is and who the client says it is. `folder` holds ca.pem and, for each user, user.pem and user.key;
 * without a user the client shows no certificate.
 */
export function endPoint({ port, folder, user = 'client', userFolder = folder }) {
  const read = (folder, file) => readFileSync(`${folder}/${file}`, 'utf8');
  return {
    port,
    tls: {
      ca: read(folder, 'ca.pem'),
      ...(user && { cert: read(userFolder, `${user}.pem`), key: read(userFolder, `${user}.key`) }),
    },
  };
}

export class QuicConnection {
  #client;
  #closedByPeer;

  constructor(client) {
    this.#client = client;
    this.#closedByPeer = new Promise((resolve) => {
      client.addEventListener(events.EventQUICConnectionError.name, (event) => resolve(closeOf(event.detail.data)), { once: true });
      const early = client.connection.getConnectionError();
      if (early) {
        resolve(closeOf(early));
      }
    });
  }

  /** Fails if the handshake does, or if it takes longer than 10 s. */
  static async connect({ port, tls }, applicationProtocol) {
    const client = await QUICClient.createQUICClient(
      {
        host: '127.0.0.1',
        port,
        localHost: '127.0.0.1',
        serverName: 'localhost',
        crypto,
        logger: silent,
        codeToReason: (direction, code) => new StreamEnded(direction, Number(code)),
        reasonToCode: (_, reason) => reason?.code ?? 0,
        config: {
          ...tls,
          verifyPeer: true,
          applicationProtos: [applicationProtocol],
          maxIdleTimeout: 30_000,
          readableChunkSize: 64 * 1024,
        },
      },
      { timer: 10_000 },
    );
    return new QuicConnection(client);
  }

  /** A new bidirectional stream. The peer learns of it with the first byte. */
  openStream() {
    return new QuicStream(this.#client.connection.newStream('bidi'));
  }

  /** How the peer closed the connection: `{ application, code, reason }`. */
  closedByPeer() {
    return within(this.#closedByPeer, 'the peer to close the connection');
  }

  async close(code = 0) {
    await this.#client.destroy({ isApp: true, errorCode: code, force: true });
  }
}

// An idle timeout has no data.
function closeOf({ isApp, errorCode, reason } = {}) {
  return { application: isApp, code: errorCode, reason: Buffer.from(reason ?? []).toString('utf8') };
}

export class QuicStream {
  #reader;
  #writer;

  constructor(stream) {
    this.#reader = stream.readable.getReader();
    this.#writer = stream.writable.getWriter();
    // Whoever reads or writes learns of an end by the call; the same news on these two would be unhandled.
    this.#reader.closed.catch(() => {});
    this.#writer.closed.catch(() => {});
  }

  /** Resolves once QUIC has taken the bytes: this is where flow control is felt. */
  async write(bytes) {
    await this.#writer.write(bytes);
  }

  /** No more bytes from here (FIN). */
  async finish() {
    await this.#writer.close();
  }

  /** The next bytes of the peer, or null after its FIN. */
  async read() {
    const { done, value } = await this.#reader.read();
    return done ? null : value;
  }

  async readToEnd() {
    const parts = [];
    for (let part = await this.read(); part !== null; part = await this.read()) {
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  /** Ends both directions at once, with this code. */
  async reset(code) {
    const reason = new StreamEnded('local', code);
    await Promise.allSettled([this.#writer.abort(reason), this.#reader.cancel(reason)]);
  }
}
