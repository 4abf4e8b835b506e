// Reports node's test events: what failed, with its reason, and as the last line "N passed, N failed[, N skipped]".

import { inspect } from 'node:util';

export default async function* report(events) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for await (const { type, data } of events) {
    if (type === 'test:fail') {
      counts.failed++;
      const { error, duration_ms } = data.details;
      yield `failed ${data.name} (${Math.round(duration_ms)} ms)\n${indent(inspect(error.cause ?? error))}\n`;
    } else if (type === 'test:pass' && data.skip !== undefined) {
      counts.skipped++;
      yield `skipped ${data.name} (${data.skip})\n`;
    } else if (type === 'test:pass') {
      counts.passed++;
    } else if (type === 'test:stdout' || type === 'test:stderr') {
      yield data.message;
    }
  }
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  yield `${counts.passed} passed, ${counts.failed} failed${skipped}\n`;
}

function indent(text) {
  return text.replace(/^/gm, '  ');
}
