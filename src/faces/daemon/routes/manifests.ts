import { Hono, type Context } from 'hono';
import { decodeRegistryConfig, type InspectedListAnswer, type SeenManifestAnswer } from '#api';
import type { RegistryClient } from '#distribution';
import { requestSignal } from '#http';
import type { SeenManifest } from '#library';
import { descriptorToJson } from '#oci';
import { daemonErrors } from '../errors.ts';
import { longestPath, toCredentials } from '../image-names.ts';
import { progressLine } from '../image-progress.ts';
import { streamProgress } from '../json-lines.ts';
import { body, flag, textOf } from '../request.ts';
import type { DaemonParts } from '../types.ts';

/** Every registry with the credentials that the caller has for it. */
const clientFor = (c: Context, parts: DaemonParts, insecure: boolean | undefined): RegistryClient => {
  const credentials = longestPath(decodeRegistryConfig(c.req.header('x-registry-config')));
  return parts.registryClient((repository) => toCredentials(credentials(repository)), { insecure });
};

const listOf = (c: Context): string => {
  const list = textOf(c, 'list');
  if (list === undefined) throw daemonErrors.parameterMissing({ name: 'list' });
  return list;
};

const seen = ({ reference, descriptor, bytes }: SeenManifest): SeenManifestAnswer => ({
  reference,
  descriptor: descriptorToJson(descriptor),
  raw: bytes.toString('base64'),
});

const create = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const { insecure, ...request } = await body(c, 'ladeListCreate');
  await using client = clientFor(c, parts, insecure);
  const { name } = await parts.library.lists.create({ ...request, client, signal: requestSignal(c) });
  return c.json({ name }, 201);
};

const annotate = async (c: Context, { library }: DaemonParts): Promise<Response> => {
  await library.lists.annotate(await body(c, 'ladeListAnnotate'));
  return c.body(null, 204);
};

const inspect = async (c: Context, parts: DaemonParts): Promise<Response> => {
  await using client = clientFor(c, parts, flag(c, 'insecure'));
  const found = await parts.library.lists.inspect({
    list: listOf(c),
    manifest: textOf(c, 'manifest'),
    parts: flag(c, 'parts'),
    client,
    signal: requestSignal(c),
  });
  return c.json({ ...seen(found), parts: found.parts.map(seen) } satisfies InspectedListAnswer);
};

const push = (c: Context, parts: DaemonParts): Promise<Response> =>
  streamProgress(c, async (lines) => {
    const { insecure, ...request } = await body(c, 'ladeListPush');
    await using client = clientFor(c, parts, insecure);
    const pushed = await parts.library.lists.push({ ...request, client, signal: requestSignal(c) }, (event) =>
      lines.write(progressLine(event)),
    );
    lines.write({ aux: { Digest: pushed.digest, Size: pushed.size } });
  });

/** `lade manifest`: indexes that are put together from images here and in registries. */
export const manifestRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.get('/lade/v1/manifests', (c) => c.json(parts.library.lists.names()));
  app.get('/lade/v1/manifests/inspect', (c) => inspect(c, parts));
  app.post('/lade/v1/manifests/create', (c) => create(c, parts));
  app.post('/lade/v1/manifests/annotate', (c) => annotate(c, parts));
  app.post('/lade/v1/manifests/push', (c) => push(c, parts));
  app.delete('/lade/v1/manifests', async (c) => {
    await parts.library.lists.remove(listOf(c));
    return c.body(null, 204);
  });
  return app;
};
