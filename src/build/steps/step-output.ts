import { createSecretMask, type SecretMask } from './mask-secrets.ts';
import { createOutputTail } from './output-tail.ts';

type Stream = 'stdout' | 'stderr';
type Tell = (stream: Stream, data: Buffer) => void;

/** What a step writes, on its way to those who listen. */
export interface StepOutput {
  readonly add: Tell;
  /** Tells what was held back; nothing may be added afterwards. */
  end(): void;
  /** The last lines. */
  tail(): string;
}

/** More than any log that somebody reads, less than what fills a disk. */
const MAX_BYTES = 1024 ** 3;

/** Masks secrets, keeps the last lines, and lets no more than `maxBytes` through. */
export const createStepOutput = (
  secrets: readonly Uint8Array[],
  tell: Tell,
  maxBytes: number = MAX_BYTES,
): StepOutput => {
  const tail = createOutputTail();
  const masks: Readonly<Record<Stream, SecretMask | undefined>> = {
    stdout: createSecretMask(secrets),
    stderr: createSecretMask(secrets),
  };
  let left = maxBytes;
  const pass: Tell = (stream, data) => {
    if (data.length === 0 || left <= 0) return;
    const kept = data.subarray(0, left);
    left -= data.length;
    tail.add(kept);
    tell(stream, kept);
    if (left > 0) return;
    const notice = Buffer.from(
      `\n[the step wrote ${maxBytes} bytes; what it writes from here on is left out]\n`,
    );
    tail.add(notice);
    tell('stderr', notice);
  };
  return {
    add: (stream, data) => pass(stream, masks[stream]?.mask(data) ?? data),
    end: () => {
      for (const stream of ['stdout', 'stderr'] as const)
        pass(stream, masks[stream]?.end() ?? Buffer.alloc(0));
    },
    tail: () => tail.text(),
  };
};
