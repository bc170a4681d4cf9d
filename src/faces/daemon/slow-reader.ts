import type { BuildEvent } from '#builder';
import type { JsonLines } from './json-lines.ts';

type StepLog = Extract<BuildEvent, { readonly kind: 'step-log' }>;

/** Steps may print faster than a client reads. */
const MOST_UNREAD = 24 * 1024 * 1024;
const CAUGHT_UP = 4 * 1024 * 1024;

/**
 * Leaves out of `show` what steps print while the client of `lines` is far behind, and says so where it goes on: the
 * connection lasts, and the log of the build has it all.
 */
export const sparing = (
  lines: Pick<JsonLines, 'unread'>,
  show: (event: BuildEvent) => void,
): ((event: BuildEvent) => void) => {
  let build = '';
  let last: StepLog | undefined;
  let bytes = 0;
  const leaveOut = (event: StepLog): void => {
    last = event;
    bytes += event.data.length;
  };
  const goOn = (): void => {
    if (last === undefined) return;
    const notice = `\n[${bytes} bytes are left out here: lade builder logs ${build} has them]\n`;
    show({ ...last, data: Buffer.from(notice) });
    last = undefined;
    bytes = 0;
  };
  return (event) => {
    if (event.kind === 'build-started') build = event.id;
    const bound = last === undefined ? MOST_UNREAD : CAUGHT_UP;
    if (event.kind === 'step-log' && lines.unread() > bound) return leaveOut(event);
    goOn();
    show(event);
  };
};
