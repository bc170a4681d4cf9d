import { Transform, type Readable } from 'node:stream';
import { httpErrors } from '#http';
import type { Descriptor } from '#oci';
import { distributionErrors } from './errors.ts';
import type { PushBlobOptions } from './types.ts';

/** The part of a blob that one request sends. */
export interface Part {
  readonly start: number;
  /** Not included. */
  readonly end: number;
}

export interface UploadSource extends PushBlobOptions {
  readonly descriptor: Pick<Descriptor, 'digest' | 'size'>;
  readonly open: (start: number) => Readable;
}

/** What went wrong in the source, which no other try can mend. */
export interface SourceState {
  failure?: unknown;
}

/** The content of one part, counted; too many or too few bytes are the source's failure. */
export const bodyOf = (upload: UploadSource, part: Part, state: SourceState): Readable => {
  const { descriptor, onProgress } = upload;
  const isLast = part.end === descriptor.size;
  const source = upload.open(part.start);
  let position = part.start;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const fresh = chunk.subarray(0, Math.max(0, isLast ? chunk.length : part.end - position));
      position += fresh.length;
      if (fresh.length > 0) onProgress?.(Math.min(position, descriptor.size));
      done(null, fresh);
      if (!isLast && position === part.end) {
        source.destroy();
        counter.end();
      }
    },
    flush(done) {
      if (position === part.end) return done();
      const { digest, size } = descriptor;
      state.failure = distributionErrors.sizeMismatch({
        host: '',
        name: digest,
        expected: size,
        actual: position,
      });
      return done(state.failure as Error);
    },
  });
  source.once('error', (error) => {
    state.failure = error;
    counter.destroy(error);
  });
  counter.once('close', () => source.destroy());
  return source.pipe(counter);
};

/** Notices a registry that stops taking bytes. */
export interface StallWatch extends Disposable {
  /** Aborted with HTTP_TIMED_OUT when nothing moved for that long, or as the caller's signal is. */
  readonly signal: AbortSignal;
  /** Something moved, or is to move from now on. */
  moved(): void;
  /** Everything was taken: what comes now is for the client's own timeouts to judge. */
  rest(): void;
}

/** Watches the sending of one request, from the first `moved` on. */
export const watchForStall = (host: string, idleMs: number, signal: AbortSignal | undefined): StallWatch => {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const giveUp = (): void =>
    controller.abort(
      httpErrors.timedOut({ target: host, reason: `it took no bytes of an upload for ${idleMs / 1000} s` }),
    );
  const rest = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  return {
    signal: signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]),
    moved: () => {
      timer = timer?.refresh() ?? setTimeout(giveUp, idleMs);
    },
    rest,
    [Symbol.dispose]: rest,
  };
};
