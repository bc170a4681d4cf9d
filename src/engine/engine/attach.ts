import { PassThrough, type Writable } from 'node:stream';
import type { OutputChunk, Session } from '#runtime';
import type { Container } from './container.ts';
import { containerLogs } from './container-logs.ts';
import { emitContainer, type EngineContext } from './context.ts';
import { isLive } from './record.ts';
import { nowNs } from './time.ts';
import type { AttachOptions, Attachment } from './types.ts';

/** A session that may come later; `closed` once the client has left. */
interface LateSession {
  readonly session: Promise<Session | undefined>;
  readonly stdin: Writable | undefined;
  close(): void;
}

const isWanted = (options: AttachOptions, chunk: OutputChunk): boolean =>
  chunk.stream === 'stdout' ? options.stdout !== false : options.stderr !== false;

/** The log up to now. A container that is attached to before it starts writes nothing that is older. */
const pastOutput = (
  context: EngineContext,
  container: Container,
  options: AttachOptions,
): AsyncIterable<OutputChunk> | undefined =>
  options.logs === true
    ? containerLogs(context, container, { stdout: true, stderr: true, untilNs: nowNs() }).output
    : undefined;

async function* outputOf(
  options: AttachOptions,
  past: AsyncIterable<OutputChunk> | undefined,
  late: LateSession | undefined,
): AsyncGenerator<OutputChunk> {
  if (past !== undefined) for await (const chunk of past) if (isWanted(options, chunk)) yield chunk;
  const session = await late?.session;
  if (session === undefined) return;
  for await (const chunk of session.output) if (isWanted(options, chunk)) yield chunk;
}

const liveSession = (session: Session): LateSession => ({
  session: Promise.resolve(session),
  stdin: session.stdin,
  close: () => session.close(),
});

/** Input that comes before the process is there waits in a pipe. */
const joinStdin = (waiting: PassThrough, session: Session): void => {
  if (session.stdin === undefined) waiting.resume();
  else waiting.pipe(session.stdin);
};

/** Connects when the container is about to start, before its process can write anything. */
const pendingSession = (context: EngineContext, container: Container, stdin: boolean): LateSession => {
  const waiting = new PassThrough();
  waiting.on('error', () => undefined);
  const opened = Promise.withResolvers<Session | undefined>();
  let open: Session | undefined;
  const connect = async (): Promise<void> => {
    open = await context.runtime.attach(container.id);
    joinStdin(waiting, open);
    opened.resolve(open);
  };
  container.beforeStart.add(connect);
  const removed = container.life.subscribe((event) => {
    if (event.kind === 'exited') return;
    container.beforeStart.delete(connect);
    opened.resolve(open);
  });
  return {
    session: opened.promise,
    stdin: stdin ? waiting : undefined,
    close: () => {
      removed[Symbol.dispose]();
      container.beforeStart.delete(connect);
      open?.close();
      opened.resolve(open);
    },
  };
};

const takesInput = (container: Container, options: AttachOptions): boolean =>
  options.stdin === true && container.record.config.OpenStdin === true;

const sessionFor = async (
  context: EngineContext,
  container: Container,
  options: AttachOptions,
): Promise<LateSession | undefined> => {
  if (options.stream !== true) return undefined;
  if (!isLive(container.record)) return pendingSession(context, container, takesInput(container, options));
  return liveSession(await context.runtime.attach(container.id));
};

/** Conmon waits for a client that does not read. */
const discardOutput = async (session: Session): Promise<void> => {
  for await (const _ of session.output) void _;
};

/**
 * Past and future output of a live container both come from its log, since nobody can tell where the log ends and a
 * session begins; a session only takes the input there.
 */
const followLog = async (
  context: EngineContext,
  container: Container,
  options: AttachOptions,
): Promise<Omit<Attachment, 'tty'>> => {
  const stop = new AbortController();
  const session = takesInput(container, options) ? await context.runtime.attach(container.id) : undefined;
  if (session !== undefined) void discardOutput(session).catch(() => undefined);
  const { output } = containerLogs(context, container, {
    follow: true,
    stdout: options.stdout !== false,
    stderr: options.stderr !== false,
    signal: stop.signal,
  });
  const close = (): void => {
    stop.abort();
    session?.close();
  };
  return { stdin: session?.stdin, output, close };
};

const joinStreams = async (
  context: EngineContext,
  container: Container,
  options: AttachOptions,
): Promise<Omit<Attachment, 'tty'>> => {
  if (options.logs === true && options.stream === true && isLive(container.record)) {
    return followLog(context, container, options);
  }
  const past = pastOutput(context, container, options);
  const late = await sessionFor(context, container, options);
  return {
    stdin: options.stdin === true ? late?.stdin : undefined,
    output: outputOf(options, past, late),
    close: () => late?.close(),
  };
};

/**
 * Connects a client with a container's streams. One that attaches before the start misses nothing; with the log asked
 * for, nothing comes twice. Output ends with the process, or when the start fails or the container is removed.
 */
export const attach = async (
  context: EngineContext,
  container: Container,
  options: AttachOptions,
): Promise<Attachment> => {
  const streams = await joinStreams(context, container, options);
  emitContainer(context, container, 'attach');
  options.signal?.addEventListener('abort', streams.close, { once: true });
  return { tty: container.record.config.Tty ?? false, ...streams };
};
