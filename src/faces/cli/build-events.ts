import type { BuildEvent, BuildFault, BuildLine, BuildResult } from '#api';
import type { ClientRequest, DockerClient } from '#client';
import { buildPaint, createBuildProgress, humanSize, type BuildProgress } from '#console';
import { LadeError } from '#errors';
import type { BuildView } from './build-options.ts';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';
import { explainMiss } from './miss-reasons.ts';

/** Output of steps travels as base64. */
export const decodeEvent = (event: BuildEvent): BuildEvent =>
  event.kind === 'step-log'
    ? { ...event, data: Buffer.from(event.data as unknown as string, 'base64') }
    : event;

/** Shows nothing. */
export const silent: BuildProgress = { show: () => undefined, end: () => undefined };

/** Where the progress of a build is shown: stderr, in the form that was asked for. */
export const progressFor = (cli: Cli, view: BuildView): BuildProgress => {
  if (view.progress === 'quiet' || view.progress === 'rawjson') return silent;
  return createBuildProgress({
    write: (text) => void cli.stderr.write(text),
    live: view.progress === 'tty',
    columns: () => cli.stderr.columns || 80,
    rows: () => cli.stderr.rows || 24,
    paint: buildPaint(cli.env),
  });
};

const summary = (result: BuildResult): string => {
  const { cached, executed } = result.steps;
  const seconds = (result.durationMs / 1000).toFixed(1);
  // What only sets metadata is neither.
  const origin = `${cached} from the cache, ${executed} executed`;
  const lines = [`built ${result.imageId} in ${seconds}s (${origin})`];
  return [...lines, ...result.tags.map((tag) => `tagged ${tag}`)].join('\n');
};

/** Reasons told while a build runs; `lade explain` has them all. */
const MAX_REASONS = 20;

/** One reason a line. */
const whyOf = (event: BuildEvent, explain: boolean): string | undefined => {
  if (!explain || event.kind !== 'step-started' || event.reasons.length === 0) return undefined;
  const told = event.reasons.slice(0, MAX_REASONS).map(explainMiss);
  const more = event.reasons.length - told.length;
  return [...told, ...(more > 0 ? [`and ${more} more reasons (lade explain --all shows them)`] : [])].join(
    '\n',
  );
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

/** The error of a failed step without its output where that was shown already. */
const errorOf = (fault: BuildFault, shown: boolean): LadeError => {
  const output = fault.details?.['output'];
  if (!shown || typeof output !== 'string' || output === '') return new LadeError(fault);
  return new LadeError({ ...fault, message: fault.message.replace(`\n${output}`, '') });
};

/** Ends a build on ^C: the daemon is asked, and cleans up while its answer goes on; the second one ends the connection. */
interface Cancelling extends Disposable {
  /** Of the connection. */
  readonly signal: AbortSignal;
  /** The build that can be asked to end; before it is known, ^C ends the connection. */
  began(build: string): void;
}

const cancelling = (cli: Cli, client: DockerClient): Cancelling => {
  const connection = new AbortController();
  const end = (): void => connection.abort();
  let build: string | undefined;
  const cancel = (): void => {
    if (build === undefined) return end();
    const path = `/lade/v1/builds/${encodeURIComponent(build)}/cancel`;
    client.json({ method: 'POST', path, signal: connection.signal }).catch(end);
  };
  cli.signal.addEventListener('abort', cancel, { once: true });
  cli.leave.addEventListener('abort', end, { once: true });
  if (cli.signal.aborted) end();
  return {
    signal: connection.signal,
    began: (id) => (build = id),
    [Symbol.dispose]: () => {
      cli.signal.removeEventListener('abort', cancel);
      cli.leave.removeEventListener('abort', end);
    },
  };
};

/**
 * Sends a build to a Lade daemon, shows what it tells, and returns its result.
 *
 * @throws the builder's errors as the daemon names them
 */
export const followBuild = async (
  cli: Cli,
  view: BuildView,
  request: ClientRequest,
  progress: BuildProgress,
): Promise<BuildResult> => {
  const client = await cli.client();
  using stop = cancelling(cli, client);
  let result: BuildResult | undefined;
  try {
    for await (const line of client.lines<BuildLine>({ ...request, signal: stop.signal })) {
      if (line.kind === 'output') {
        await view.onOutput?.(line.index, Buffer.from(line.data, 'base64'));
        continue;
      }
      if (view.progress === 'rawjson') cli.stderr.write(`${JSON.stringify(line)}\n`);
      if (line.kind === 'event' && line.event.kind === 'build-started') stop.began(line.event.id);
      if (line.kind === 'event') showEvent(progress, decodeEvent(line.event), view.explain);
      if (line.kind === 'event' && line.event.kind === 'step-kept') view.onKept?.(line.event.build);
      if (line.kind === 'error') throw errorOf(line.error, progress !== silent);
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
  return result;
};
