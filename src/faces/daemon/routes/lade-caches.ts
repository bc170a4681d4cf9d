import { Hono, type Context } from 'hono';
import { decodeRegistryAuth, type CacheMountAnswer } from '#api';
import type { CacheMountInfo } from '#builder';
import type { RegistryClient } from '#distribution';
import { requestSignal, sendStream } from '#http';
import { daemonErrors } from '../errors.ts';
import { toCredentials } from '../image-names.ts';
import { textOf } from '../request.ts';
import { withBody } from '../request-body.ts';
import type { DaemonParts } from '../types.ts';

const required = (c: Context, name: string): string => {
  const value = textOf(c, name);
  if (value === undefined || value === '') throw daemonErrors.parameterMissing({ name });
  return value;
};

const clientFor = (c: Context, parts: DaemonParts): RegistryClient =>
  parts.registryClient(toCredentials(decodeRegistryAuth(c.req.header('x-registry-auth'))));

const answerOf = ({ createdAt, usedAt, ...rest }: CacheMountInfo): CacheMountAnswer => ({
  ...rest,
  createdAt: createdAt.toISOString(),
  usedAt: usedAt.toISOString(),
});

/** GET /lade/v1/caches/export: the cache as an uncompressed tar. */
const exportTar = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const { caches } = await parts.builder();
  await using exported = await caches.exportTar(required(c, 'name'), { signal: requestSignal(c) });
  const headers = { 'Content-Type': 'application/x-tar' };
  return await sendStream(c, { status: 200, headers }, exported.stream);
};

/** POST /lade/v1/caches/import: the body is a tar, plain or compressed. */
const importTar = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const id = required(c, 'id');
  const { caches } = await parts.builder();
  const made = await withBody(c, (stream) => caches.importTar(id, stream, { signal: requestSignal(c) }));
  return c.json(answerOf(made), 201);
};

const push = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const { caches } = await parts.builder();
  await using client = clientFor(c, parts);
  const target = { client, reference: required(c, 'reference') };
  return c.json(await caches.push(required(c, 'name'), target, { signal: requestSignal(c) }));
};

const pull = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const { caches } = await parts.builder();
  await using client = clientFor(c, parts);
  const source = { client, reference: required(c, 'reference') };
  const options = { id: textOf(c, 'id'), signal: requestSignal(c) };
  return c.json(answerOf(await caches.pull(source, options)), 201);
};

/** The caches of `RUN --mount=type=cache`. */
export const ladeCacheRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.get('/lade/v1/caches', async (c) =>
    c.json((await (await parts.builder()).caches.list()).map(answerOf)),
  );
  app.delete('/lade/v1/caches', async (c) =>
    c.json((await (await parts.builder()).caches.remove(required(c, 'name'))).map(answerOf)),
  );
  app.get('/lade/v1/caches/export', (c) => exportTar(c, parts));
  app.post('/lade/v1/caches/import', (c) => importTar(c, parts));
  app.post('/lade/v1/caches/push', (c) => push(c, parts));
  app.post('/lade/v1/caches/pull', (c) => pull(c, parts));
  return app;
};
