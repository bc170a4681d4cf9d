import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startWireRegistry } from './testing.ts';

test.each([
  '/token',
  '/lade/v1/registry/oidc/exchange',
  `/v2/a/blobs/uploads/?digest=sha256:${'0'.repeat(64)}`,
])('a connection that stops in the middle of what it posts to %s is cut', async (path) => {
  await using wire = await startWireRegistry({ limits: { bodyIdleMs: 200 } });
  const socket = connect(Number(new URL(wire.url).port), '127.0.0.1');
  socket.on('error', () => undefined).resume();
  socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf`);
  await once(socket, 'close');
  expect(socket.destroyed).toBe(true);
});
