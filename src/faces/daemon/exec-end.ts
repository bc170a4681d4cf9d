import type { Attachment } from '#engine';
import type { EventLog } from './event-log.ts';

/** Conmon ends the output and reports the code at once, but may have to wait for a processor in between. */
const EXIT_WAIT_MS = 30_000;

/** Notices the end of one exec from now on. */
export interface ExecEnd extends Disposable {
  readonly ended: Promise<void>;
}

export const noticeExecEnd = (events: EventLog, id: string): ExecEnd => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const subscription = events.subscribe(({ action, actor }) => {
    if (action === 'exec_die' && actor.attributes['execID'] === id) resolve();
  });
  return { ended: promise, [Symbol.dispose]: () => subscription[Symbol.dispose]() };
};

const endOf = async ({ ended }: ExecEnd): Promise<void> => {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, EXIT_WAIT_MS).unref();
  await Promise.race([ended, late.promise]);
  clearTimeout(timer);
};

const until = async function* (output: Attachment['output'], end: ExecEnd): Attachment['output'] {
  using _ = end;
  yield* output;
  await endOf(end);
};

/** The same session, whose output ends when the exit code is known: clients ask for it as soon as the stream ends. */
export const endingWithExit = (session: Attachment, end: ExecEnd): Attachment => ({
  ...session,
  output: until(session.output, end),
});
