import { Readable } from 'node:stream';
import type { CliBuildContext } from './build-context.ts';
import type { BuildOptions } from './build-options.ts';
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

const uploadOf = async (context: CliBuildContext): Promise<Upload> => {
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

const refuse = (options: BuildOptions): void => {
  if (options.secrets.size > 0)
    throw cliErrors.notSupported({
      feature: 'a secret for a build whose context is sent to the daemon',
      instead: "build a directory on the daemon's own machine",
    });
};

const idOf = (aux: unknown): string | undefined => {
  const id = typeof aux === 'object' && aux !== null ? (aux as Record<string, unknown>)['ID'] : undefined;
  return typeof id === 'string' ? id : undefined;
};

/** Builds by sending the context as a tar (POST /build); returns the image's id. */
export const buildByUpload = async (
  cli: Cli,
  context: CliBuildContext,
  options: BuildOptions,
): Promise<string> => {
  refuse(options);
  const { stream, dockerfile } = await uploadOf(context);
  let imageId: string | undefined;
  await transfer(
    cli,
    {
      method: 'POST',
      path: '/build',
      query: {
        t: options.tags,
        dockerfile,
        buildargs: JSON.stringify(options.buildArgs),
        labels: JSON.stringify(options.labels),
        target: options.target,
        platform: options.platform,
        nocache: options.noCache,
        pull: options.pull,
        networkmode: options.network,
        extrahosts: options.extraHosts,
        shmsize: options.shmSizeBytes,
        version: '1',
      },
      headers: await configHeader(cli),
      contentType: 'application/x-tar',
      stream,
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
