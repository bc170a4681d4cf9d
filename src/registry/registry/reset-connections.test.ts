import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import type { AccessControl } from '#access';
import { startWireRegistry } from './testing.ts';

test('a connection that its client has reset is not taken for the unix socket, whose callers administer', async () => {
  const asked = Promise.withResolvers<string>();
  const access: AccessControl = {
    authenticate: async ({ authorization = '' }) => {
      asked.resolve(authorization);
      return {
        name: 'anonymous',
        kind: 'anonymous',
        loggedIn: false,
        administrator: false,
        may: () => false,
      };
    },
    challenge: () => 'Basic realm="test"',
    [Symbol.asyncDispose]: async () => undefined,
  };
  await using wire = await startWireRegistry({ access });
  // What is loaded with the first request would give the others time.
  await wire.call('GET', '/v1/_ping');
  const socket = connect(Number(new URL(wire.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const body = JSON.stringify({
    subject: { kind: 'group', name: 'anonymous' },
    pattern: '**',
    role: 'admin',
  });
  socket.write(
    `PUT /lade/v1/registry/grants HTTP/1.1\r\nHost: x\r\nAuthorization: me\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  socket.resetAndDestroy();
  expect(await asked.promise).toBe('me');
  expect(wire.storage.metadata.accounts.grants()).toEqual([]);
});
