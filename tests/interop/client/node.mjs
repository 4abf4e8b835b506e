// The node under test, started by run.sh.

import { Broker } from './broker.mjs';
import { endPoint } from './quic.mjs';

const port = Number(process.env.INTEROP_PORT);
const folder = process.env.INTEROP_CERTS;

/** A folder of certificates that another authority has signed. */
export const foreignCertificates = process.env.INTEROP_FOREIGN_CERTS;

if (!port || !folder || !foreignCertificates) {
  throw new Error('These tests need a node: run tests/interop/run.sh');
}

export function nodeEndPoint(options) {
  return endPoint({ port, folder, ...options });
}

/** A connection past WELCOME that ends with the test. */
export async function connect(test, hello) {
  const broker = await Broker.connect(nodeEndPoint(), hello);
  test.after(() => broker.close());
  return broker;
}

let names = 0;

/** A name that no other test uses. */
export function uniqueName(prefix) {
  return `${prefix}-${process.pid}-${++names}`;
}
