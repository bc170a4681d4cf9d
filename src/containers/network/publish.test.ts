import { createServer, connect, type Server } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { isLadeError } from '#errors';
import { coalesce } from './coalesce.ts';
import { exactRequests, publish, type Publication, type PublishOptions } from './publish.ts';

const open: Publication[] = [];
const servers: Server[] = [];
afterEach(() => {
  for (const publication of open.splice(0)) publication.close();
  for (const server of servers.splice(0)) server.close();
});

const options: PublishOptions = { container: 'web', target: (port) => ({ ip: '127.0.0.1', port }) };
const published = async (...requests: Parameters<typeof publish>[0]): Promise<Publication> => {
  const publication = await publish(requests, options);
  open.push(publication);
  return publication;
};
const listening = async (host: string): Promise<number> => {
  const server = createServer((socket) => socket.end('pong'));
  servers.push(server);
  server.listen({ host, port: 0 });
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};
const failure = async (run: Promise<unknown>) => {
  const error: unknown = await run.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  return isLadeError(error) ? error : expect.unreachable(String(error));
};

describe('published ports', () => {
  test('are held against others, on IPv6 too, until closed', async () => {
    const publication = await published({ containerPort: 80, protocol: 'tcp' });
    const [first] = publication.bindings;
    const hostPort = first?.hostPort ?? 0;
    expect(first).toEqual({ containerPort: 80, protocol: 'tcp', hostIp: '0.0.0.0', hostPort });
    const again = failure(publish([{ containerPort: 81, protocol: 'tcp', hostPort }], options));
    expect(await again).toMatchObject({
      kind: 'conflict',
      message: expect.stringContaining(`Bind for 0.0.0.0:${hostPort} failed: port is already allocated`),
    });
    publication.close();
    await published({ containerPort: 81, protocol: 'tcp', hostPort });
  });

  test('that another program has are a conflict, and nothing is kept', async () => {
    const taken = await listening('0.0.0.0');
    const free = await listening('127.0.0.1');
    await new Promise((resolve) => servers.pop()?.close(resolve));
    const error = await failure(
      publish(
        [
          { containerPort: 1, protocol: 'tcp', hostPort: free, hostIp: '127.0.0.1' },
          { containerPort: 2, protocol: 'tcp', hostPort: taken },
        ],
        options,
      ),
    );
    expect(error.kind).toBe('conflict');
    await published({ containerPort: 1, protocol: 'tcp', hostPort: free, hostIp: '127.0.0.1' });
  });

  test('of a range are the first free one', async () => {
    const taken = await listening('0.0.0.0');
    const publication = await published({
      containerPort: 80,
      protocol: 'tcp',
      hostPort: taken,
      hostPortEnd: taken + 50,
    });
    expect(publication.bindings[0]?.hostPort).toBeGreaterThan(taken);
  });

  test('of TCP and UDP are apart', async () => {
    const tcp = await published({ containerPort: 53, protocol: 'tcp', hostIp: '127.0.0.1' });
    const hostPort = tcp.bindings[0]?.hostPort ?? 0;
    const udp = { containerPort: 53, protocol: 'udp', hostPort, hostIp: '127.0.0.1' } as const;
    expect((await published(udp)).bindings).toHaveLength(1);
    expect((await failure(publish([udp], options))).kind).toBe('conflict');
  });

  test('refuse addresses that are not here', async () => {
    for (const hostIp of ['203.0.113.77', 'example.com', '1.2.3'])
      expect((await failure(publish([{ containerPort: 80, protocol: 'tcp', hostIp }], options))).kind).toBe(
        'invalid-argument',
      );
  });

  test('pass on what reaches their socket', async () => {
    const containerPort = await listening('127.0.0.1');
    const publication = await published({ containerPort, protocol: 'tcp', hostIp: '127.0.0.1' });
    const client = connect({ host: '127.0.0.1', port: publication.bindings[0]?.hostPort ?? 0 });
    const [data] = (await once(client, 'data')) as [Buffer];
    expect(data.toString()).toBe('pong');
    client.destroy();
  });

  test('can be asked for again exactly', async () => {
    const publication = await published({ containerPort: 80, protocol: 'tcp' });
    const requests = exactRequests(publication.bindings);
    expect(requests).toHaveLength(1);
    publication.close();
    expect((await published(...requests)).bindings).toEqual(publication.bindings);
  });
});

test('coalesced work runs after every call and shares runs', async () => {
  let runs = 0;
  let value = 0;
  let seen = 0;
  const apply = coalesce(async () => {
    runs += 1;
    seen = value;
    await new Promise((resolve) => setTimeout(resolve, 5));
  });
  const calls = [1, 2, 3].map(async (next) => {
    value = next;
    await apply();
  });
  await calls[0];
  value = 4;
  await Promise.all([apply(), apply(), ...calls]);
  expect(seen).toBe(4);
  expect(runs).toBe(2);
});
