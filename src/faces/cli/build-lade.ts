import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { BuildResult } from '#api';
import type { ClientRequest } from '#client';
import type { BuildProgress } from '#console';
import { followBuild, progressFor } from './build-events.ts';
import type { CliBuildContext } from './build-context.ts';
import { onThisMachine, type BuildEngine } from './build-engine.ts';
import type { BuildOptions, BuildOrder } from './build-options.ts';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';
import { configHeader } from './registry-auth.ts';

const refuse = (feature: string): Error =>
  cliErrors.notSupported({
    feature: `${feature} in a build on another machine`,
    instead: "run the build on the daemon's own machine",
  });

/** What names files or sockets of this machine means nothing to a daemon elsewhere. */
const forElsewhere = ({ order, configuredProxies }: BuildOptions): BuildOrder => {
  const { hostCa: _hostCa, ...rest } = order;
  for (const [name, context] of Object.entries(order.contexts ?? {}))
    if (context.kind === 'directory' || context.kind === 'oci-layout')
      throw refuse(`--build-context ${name} of a local path`);
  for (const cache of [...(order.cacheFrom ?? []), ...(order.cacheTo ?? [])])
    if (cache.kind === 'local') throw refuse('a cache in a local directory');
  if (order.ssh !== undefined) throw refuse('--ssh');
  return { ...rest, proxies: configuredProxies };
};

const dockerfileFields = (
  file: { readonly path: string } | { readonly text: string } | undefined,
): Pick<BuildOrder, 'dockerfile' | 'dockerfileText'> => {
  if (file === undefined) return {};
  return 'path' in file ? { dockerfile: file.path } : { dockerfileText: file.text };
};

type PlaceContext = Extract<CliBuildContext, { kind: 'directory' | 'remote' }>;

/** The daemon reads or fetches the context itself. */
const byPlace = (context: PlaceContext, order: BuildOrder): Partial<ClientRequest> => ({
  path: '/lade/v1/build',
  body: {
    ...(context.kind === 'directory' ? { contextPath: context.path } : { contextUrl: context.url }),
    ...dockerfileFields(context.dockerfile),
    ...order,
  },
});

const TELL_EVERY_MS = 100;

/** Tells how much of the context has been sent. */
async function* counted(archive: AsyncIterable<unknown>, progress: BuildProgress): AsyncGenerator<Buffer> {
  let [current, toldAt] = [0, 0];
  const tell = (done: boolean): void =>
    progress.show({
      kind: 'transfer',
      id: 'context',
      title: '[internal] load build context',
      text: 'transferring context:',
      current,
      done,
    });
  tell(false);
  for await (const chunk of archive) {
    current += (chunk as Buffer).length;
    yield chunk as Buffer;
    const now = performance.now();
    if (now - toldAt < TELL_EVERY_MS) continue;
    toldAt = now;
    tell(false);
  }
  tell(true);
}

/** The context follows the order, as an archive. */
const byArchive = async (
  context: Exclude<CliBuildContext, { kind: 'remote' }>,
  order: BuildOrder,
  { compress, progress }: { readonly compress: boolean; readonly progress: BuildProgress },
): Promise<Partial<ClientRequest>> => {
  const { uploadOf } = await import('./build-upload.ts');
  const { stream, dockerfile } = await uploadOf(context);
  const archive = compress && context.kind !== 'archive' ? stream.pipe(createGzip()) : stream;
  const body = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from(
      `${JSON.stringify({ ...(dockerfile === undefined ? {} : { dockerfile }), ...order })}\n`,
    );
    yield* counted(archive, progress);
  };
  return {
    path: '/lade/v1/build/archive',
    stream: Readable.from(body(), { objectMode: false }),
    contentType: 'application/vnd.lade.build',
  };
};

interface Ordered {
  readonly engine: Exclude<BuildEngine, 'docker'>;
  readonly context: CliBuildContext;
  readonly options: BuildOptions;
  readonly progress: BuildProgress;
}

/** The call that brings an order and its context to a Lade daemon, here or elsewhere. */
export const ladeBuildCall = async (
  cli: Cli,
  { engine, context, options, progress }: Ordered,
): Promise<ClientRequest> => {
  const order = engine === 'here' ? options.order : forElsewhere(options);
  const inPlace = context.kind === 'remote' || (context.kind === 'directory' && engine === 'here');
  const { compress } = options;
  const call = inPlace ? byPlace(context, order) : await byArchive(context, order, { compress, progress });
  const condition = engine === 'here' && inPlace ? onThisMachine() : {};
  return { method: 'POST', path: '', ...call, headers: { ...condition, ...(await configHeader(cli)) } };
};

/** Builds with a Lade daemon, here or elsewhere. */
export const buildWithLade = async (
  cli: Cli,
  engine: Exclude<BuildEngine, 'docker'>,
  context: CliBuildContext,
  options: BuildOptions,
): Promise<BuildResult> => {
  const progress = progressFor(cli, options);
  if (engine === 'here') {
    const request = await ladeBuildCall(cli, { engine, context, options, progress });
    return await followBuild(cli, options, request, progress);
  }
  const { fetchOutputs } = await import('./build-fetch.ts');
  const outputs = fetchOutputs(options.order);
  const sent = { ...options, order: outputs.order };
  const request = await ladeBuildCall(cli, { engine, context, options: sent, progress });
  const onOutput = (index: number, data: Buffer): Promise<void> => outputs.take(index, data);
  try {
    const result = await followBuild(cli, { ...options, onOutput }, request, progress);
    await outputs.finish();
    return result;
  } catch (error) {
    await outputs.abandon();
    throw error;
  }
};
