import { formatTimeNs, readLogs, type LogRecord, type OutputChunk } from '#runtime';
import { nextLifeEvent, type Container } from './container.ts';
import { filesOf, type EngineContext } from './context.ts';
import { isLive } from './record.ts';
import type { ContainerLogOptions, ContainerLogs } from './types.ts';

/** Each line gets its time in front; a piece that goes on with a line does not. */
const createStamp = (): ((record: LogRecord) => Buffer) => {
  const open = { stdout: false, stderr: false };
  return (record) => {
    const continues = open[record.stream];
    open[record.stream] = record.partial;
    return continues
      ? record.data
      : Buffer.concat([Buffer.from(`${formatTimeNs(record.timeNs)} `), record.data]);
  };
};

async function* chunksOf(
  records: AsyncIterable<LogRecord>,
  options: ContainerLogOptions,
): AsyncGenerator<OutputChunk> {
  const stamp = createStamp();
  for await (const record of records) {
    const wanted = record.stream === 'stdout' ? options.stdout : options.stderr;
    if (wanted !== true) continue;
    yield { stream: record.stream, data: options.timestamps === true ? stamp(record) : record.data };
  }
}

/** What the container wrote; a follower stays until it ends and is not started again. */
export const containerLogs = (
  context: EngineContext,
  container: Container,
  options: ContainerLogOptions,
): ContainerLogs => {
  const { state } = container.record;
  const follow =
    options.follow === true && (isLive(container.record) || (state.kind === 'exited' && state.restarting));
  const stop = new AbortController();
  const ended = follow
    ? nextLifeEvent(
        container,
        (event) => (event.kind === 'exited' && event.restarting ? undefined : true),
        stop.signal,
      ).catch(() => undefined)
    : undefined;
  const records = readLogs(filesOf(context, container.id).log, {
    follow,
    tail: options.tail,
    sinceNs: options.sinceNs,
    untilNs: options.untilNs,
    signal: options.signal,
    ended,
  });
  const output = async function* (): AsyncGenerator<OutputChunk> {
    try {
      yield* chunksOf(records, options);
    } finally {
      stop.abort();
    }
  };
  return { tty: container.record.config.Tty ?? false, output: output() };
};
