import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { CliBuildContext } from './build-context.ts';
import type { BuildOptions, BuildOrder } from './build-options.ts';
import { contextArchive, dockerfileArchive } from './context-archive.ts';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';
import { configHeader } from './registry-auth.ts';
import { transfer } from './transfer.ts';

interface Upload {
  readonly stream: Readable;
  readonly dockerfile: string | undefined;
}

/** A name that no context has, for a Dockerfile that came from elsewhere. */
const outsideName = (): string => `.dockerfile.${process.pid}`;

/** A context as an archive, and the name of the Dockerfile in it. */
export const uploadOf = async (context: Exclude<CliBuildContext, { kind: 'remote' }>): Promise<Upload> => {
  if (context.kind === 'archive') return { stream: context.stream, dockerfile: context.dockerfile };
  if (context.kind === 'dockerfile')
    return { stream: Readable.from(dockerfileArchive(context.text)), dockerfile: undefined };
  const file = context.dockerfile;
  if (file !== undefined && 'text' in file) {
    const dockerfile = outsideName();
    return { stream: await contextArchive(context.path, { name: dockerfile, text: file.text }), dockerfile };
  }
  return {
    stream: await contextArchive(context.path, { name: file?.path ?? 'Dockerfile' }),
    dockerfile: file?.path,
  };
};

/** What the Docker API's POST /build has no words for. */
const UNSPOKEN: Readonly<Partial<Record<keyof BuildOrder, string>>> = {
  contexts: '--build-context',
  annotations: '--annotation',
  noCacheFilter: '--no-cache-filter',
  cacheTo: '--cache-to',
  secrets: '--secret',
  ssh: '--ssh',
  allow: '--allow',
  outputs: '--output',
  attestations: '--attest',
  keepFailed: '--debug',
};

const isHere = (output: NonNullable<BuildOrder['outputs']>[number]): boolean =>
  output.kind === 'image' && !output.push;

const refuse = ({ order }: BuildOptions): void => {
  for (const [field, flag] of Object.entries(UNSPOKEN)) {
    const value = order[field as keyof BuildOrder];
    if (value === undefined || (field === 'outputs' && order.outputs?.every(isHere) === true)) continue;
    throw cliErrors.notSupported({
      feature: `${flag} with an engine that is not Lade`,
      instead: 'leave it out, or point LADE_HOST at a Lade daemon',
    });
  }
  if ((order.platforms ?? []).length > 1)
    throw cliErrors.notSupported({
      feature: 'a build for several platforms with an engine that is not Lade',
      instead: 'build for one platform at a time, or point LADE_HOST at a Lade daemon',
    });
};

const idOf = (aux: unknown): string | undefined => {
  const id = typeof aux === 'object' && aux !== null ? (aux as Record<string, unknown>)['ID'] : undefined;
  return typeof id === 'string' ? id : undefined;
};

const limitsQuery = ({ limits = {} }: BuildOrder) => ({
  memory: limits.memoryBytes,
  memswap: limits.memorySwapBytes,
  cpushares: limits.cpuShares,
  cpuquota: limits.cpuQuotaUs,
  cpuperiod: limits.cpuPeriodUs,
  cpusetcpus: limits.cpusetCpus,
  cpusetmems: limits.cpusetMems,
  cgroupparent: limits.cgroupParent,
  ulimits:
    limits.ulimits === undefined
      ? undefined
      : JSON.stringify(
          limits.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
        ),
});

const cacheNames = ({ cacheFrom = [] }: BuildOrder): string | undefined => {
  const names = cacheFrom.flatMap((cache) => (cache.kind === 'registry' ? [cache.reference] : []));
  return names.length === 0 ? undefined : JSON.stringify(names);
};

const queryOf = (order: BuildOrder) => ({
  t: order.tags,
  buildargs: JSON.stringify(order.buildArgs ?? {}),
  labels: JSON.stringify(order.labels ?? {}),
  cachefrom: cacheNames(order),
  target: order.target,
  platform: order.platforms?.[0],
  nocache: order.noCache,
  pull: order.pull,
  squash: order.squash,
  networkmode: order.network,
  extrahosts: order.extraHosts,
  shmsize: order.shmSizeBytes,
  ...limitsQuery(order),
  rm: true,
  version: '1',
});

/** How the context travels: as an archive in the body, or as the URL of one. */
const contextOf = async (context: CliBuildContext, compress: boolean) => {
  if (context.kind !== 'remote') {
    const { stream, dockerfile } = await uploadOf(context);
    const sent = compress && context.kind !== 'archive' ? stream.pipe(createGzip()) : stream;
    return { query: { dockerfile }, stream: sent, contentType: 'application/x-tar' };
  }
  if (context.dockerfile !== undefined && 'text' in context.dockerfile)
    throw cliErrors.notSupported({
      feature: 'a Dockerfile from elsewhere for a context at a URL, with an engine that is not Lade,',
      instead: 'download the context first',
    });
  return { query: { dockerfile: context.dockerfile?.path, remote: context.url } };
};

/** Builds with an engine that is not Lade (POST /build); returns the image's id. */
export const buildByUpload = async (
  cli: Cli,
  context: CliBuildContext,
  options: BuildOptions,
): Promise<string> => {
  refuse(options);
  const { query, ...body } = await contextOf(context, options.compress);
  let imageId: string | undefined;
  await transfer(
    cli,
    {
      method: 'POST',
      path: '/build',
      query: { ...queryOf(options.order), ...query },
      headers: await configHeader(cli),
      ...body,
    },
    {
      quiet: options.progress === 'quiet',
      onAux: (aux) => (imageId = idOf(aux) ?? imageId),
      output: cli.stderr,
    },
  );
  if (imageId === undefined)
    throw cliErrors.work({
      message: 'the daemon did not name the image it built',
      advice: 'look into its log',
    });
  return imageId;
};
