import type { ProgressLine } from '#api';
import type { LibraryEvent } from '#library';

/** One event of a pull, push or load as the line that Docker's clients render. */
export const progressLine = (event: LibraryEvent): ProgressLine => {
  switch (event.kind) {
    case 'status':
      return event.id === undefined ? { status: event.message } : { status: event.message, id: event.id };
    case 'loaded':
      return { stream: event.message.endsWith('\n') ? event.message : `${event.message}\n` };
    case 'layer':
      return {
        status: event.status,
        id: event.id,
        progressDetail: event.current === undefined ? {} : { current: event.current, total: event.total },
      };
    default:
      return event satisfies never;
  }
};
