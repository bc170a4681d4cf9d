import { PassThrough, type Writable } from 'node:stream';
import { readLogs, type OutputChunk, type Session } from '#runtime';
import type { Container } from './container.ts';
import { emitContainer, filesOf, type EngineContext } from './context.ts';
import { isLive } from './record.ts';
import type { AttachOptions, Attachment } from './types.ts';

/** A session that may come later; `closed` once the client has left. */
interface LateSession {
  readonly session: Promise<Session | undefined>;
  readonly stdin: Writable | undefined;
  close(): void;
}

const wanted = (options: AttachOptions, chunk: OutputChunk): boolean =>
  chunk.stream === 'stdout' ? options.stdout !== false : options.stderr !== false;

async function* outputOf(
  context: EngineContext,
  container: Container,
  options: AttachOptions,
  late: LateSession | undefined,
): AsyncGenerator<OutputChunk> {
  if (options.logs === true) {
    for await (const { stream, data } of readLogs(filesOf(context, container.id).log)) {
      if (wanted(options, { stream, data })) yield { stream, data };
    }
  }
  const session = await late?.session;
  if (session === undefined) return;
  for await (const chunk of session.output) if (wanted(options, chunk)) yield chunk;
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

const sessionFor = async (
  context: EngineContext,
  container: Container,
  options: AttachOptions,
): Promise<LateSession | undefined> => {
  if (options.stream !== true) return undefined;
  const stdin = options.stdin === true && container.record.config.OpenStdin === true;
  if (!isLive(container.record)) return pendingSession(context, container, stdin);
  return liveSession(await context.runtime.attach(container.id));
};

/**
 * Connects a client with a container's streams. One that attaches before the start misses nothing; output ends with
 * the process, or when the start fails or the container is removed.
 */
export const attach = async (
  context: EngineContext,
  container: Container,
  options: AttachOptions,
): Promise<Attachment> => {
  const late = await sessionFor(context, container, options);
  emitContainer(context, container, 'attach');
  const close = (): void => late?.close();
  options.signal?.addEventListener('abort', close, { once: true });
  return {
    tty: container.record.config.Tty ?? false,
    stdin: options.stdin === true ? late?.stdin : undefined,
    output: outputOf(context, container, options, late),
    close,
  };
};
