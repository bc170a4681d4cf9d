import { Hono, type Context } from 'hono';
import { decodeRegistryAuth } from '#api';
import { requestSignal } from '#http';
import { parseManifest, parseReference, type Descriptor, type Platform } from '#oci';
import { toCredentials } from '../image-names.ts';
import { param } from '../request.ts';
import type { DaemonParts } from '../types.ts';

const platformAnswer = (platform: Platform): object => ({
  architecture: platform.architecture,
  os: platform.os,
  ...(platform.variant === undefined ? {} : { variant: platform.variant }),
});

const platformsOf = (manifests: readonly Descriptor[]): readonly object[] =>
  manifests.flatMap(({ platform }) => (platform === undefined ? [] : [platformAnswer(platform)]));

/** GET /distribution/{name}/json: what the registry has under a name, without pulling it. */
const inspect = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const auth = toCredentials(decodeRegistryAuth(c.req.header('x-registry-auth')));
  await using client = parts.registryClient(auth);
  const repository = client.repository(parseReference(param(c, 'name')));
  const { descriptor, bytes } = await repository.resolve(undefined, { signal: requestSignal(c) });
  const manifest = parseManifest(bytes, descriptor.mediaType);
  return c.json({
    Descriptor: { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size },
    Platforms: manifest.kind === 'index' ? platformsOf(manifest.manifests) : [],
  });
};

export const distributionRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.get('/distribution/:name{.+}/json', (c) => inspect(c, parts));
  return app;
};
