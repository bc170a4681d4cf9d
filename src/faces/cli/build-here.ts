import { readFileSync, readlinkSync } from 'node:fs';
import type { BuildEvent, BuildLine, BuildResult, LadeInfoAnswer } from '#api';
import { LadeError, isLadeError } from '#errors';
import type { DockerClient } from '#client';
import { createBuildProgress, humanSize, type BuildProgress } from '#console';
import type { CliBuildContext } from './build-context.ts';
import type { BuildOptions } from './build-options.ts';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';
import { explainMiss } from './miss-reasons.ts';
import { configHeader } from './registry-auth.ts';

/** This boot and this view of the file system; the daemon names its own in the same form. */
const machineId = (): string =>
  `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/mnt')}`;

/** Whether the daemon is a Lade that sees the same files, so that a context need not be sent. */
export const canBuildHere = async (client: DockerClient): Promise<boolean> => {
  if (client.host.kind !== 'unix') return false;
  try {
    const info = await client.json<LadeInfoAnswer>({ method: 'GET', path: '/lade/v1/info' });
    return info.machineId === machineId();
  } catch (error) {
    if (isLadeError(error, 'not-found')) return false;
    throw error;
  }
};

type DirectoryContext = Extract<CliBuildContext, { kind: 'directory' }>;

const bodyOf = (context: DirectoryContext, options: BuildOptions): object => ({
  contextPath: context.path,
  ...(context.dockerfile !== undefined && 'path' in context.dockerfile
    ? { dockerfile: context.dockerfile.path }
    : {}),
  ...(context.dockerfile !== undefined && 'text' in context.dockerfile
    ? { dockerfileText: context.dockerfile.text }
    : {}),
  tags: options.tags,
  buildArgs: options.buildArgs,
  labels: options.labels,
  target: options.target,
  platform: options.platform,
  noCache: options.noCache,
  pull: options.pull,
  network: options.network,
  hostCa: options.hostCa === undefined ? undefined : { path: options.hostCa },
  proxies: options.proxies,
  extraHosts: options.extraHosts,
  shmSizeBytes: options.shmSizeBytes,
  secrets: Object.fromEntries([...options.secrets].map(([id, value]) => [id, value.toString('base64')])),
});

/** Output of steps travels as base64. */
const decodeEvent = (event: BuildEvent): BuildEvent =>
  event.kind === 'step-log'
    ? { ...event, data: Buffer.from(event.data as unknown as string, 'base64') }
    : event;

const silent: BuildProgress = { show: () => undefined, end: () => undefined };

const progressFor = (cli: Cli, options: BuildOptions): BuildProgress => {
  if (options.progress === 'quiet' || options.progress === 'rawjson') return silent;
  return createBuildProgress({
    write: (text) => void cli.stderr.write(text),
    live: options.progress === 'tty',
    columns: () => cli.stderr.columns || 80,
    rows: () => cli.stderr.rows || 24,
  });
};

const summary = (result: BuildResult): string => {
  const { total, cached } = result.steps;
  const seconds = (result.durationMs / 1000).toFixed(1);
  const lines = [`built ${result.imageId} in ${seconds}s (${cached} of ${total} steps from the cache)`];
  return [...lines, ...result.tags.map((tag) => `tagged ${tag}`)].join('\n');
};

const whyOf = (event: BuildEvent, explain: boolean): string | undefined => {
  if (!explain || event.kind !== 'step-started') return undefined;
  const [first] = event.reasons;
  return first === undefined ? undefined : explainMiss(first);
};

const showEvent = (progress: BuildProgress, event: BuildEvent, explain: boolean): void => {
  if (explain && event.kind === 'step-done' && (event.layerSize ?? 0) > 0)
    progress.show({
      kind: 'step-log',
      step: event.step,
      data: Buffer.from(`layer of ${humanSize(event.layerSize ?? 0, 3)}\n`),
    });
  progress.show(event, whyOf(event, explain));
};

/** Builds a directory that the daemon reads in place; returns the image's id. */
export const buildHere = async (
  cli: Cli,
  context: DirectoryContext,
  options: BuildOptions,
): Promise<string> => {
  const client = await cli.client();
  const progress = progressFor(cli, options);
  let result: BuildResult | undefined;
  try {
    const lines = client.lines<BuildLine>({
      method: 'POST',
      path: '/lade/v1/build',
      headers: await configHeader(cli),
      body: bodyOf(context, options),
      signal: cli.signal,
    });
    for await (const line of lines) {
      if (options.progress === 'rawjson') cli.out(`${JSON.stringify(line)}\n`);
      if (line.kind === 'event') showEvent(progress, decodeEvent(line.event), options.explain);
      if (line.kind === 'error') throw new LadeError(line.error);
      if (line.kind === 'result') result = line.result;
    }
  } finally {
    progress.end();
  }
  if (result === undefined)
    throw cliErrors.work({
      message: 'the build ended without a result',
      advice: "look into the daemon's log",
    });
  if (progress !== silent) cli.note(summary(result));
  return result.imageId;
};
