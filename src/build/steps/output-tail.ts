/** Keeps the last lines of what a process writes, for its error message. */
interface OutputTail {
  add(data: Uint8Array): void;
  /** The last lines without the newline at the end. */
  text(): string;
}

const MAX_LINES = 20;
const MAX_BYTES = 16 * 1024;

export const createOutputTail = (): OutputTail => {
  let kept = Buffer.alloc(0);
  return {
    add(data) {
      kept = Buffer.concat([kept, data]).subarray(-MAX_BYTES);
    },
    text() {
      const lines = kept.toString('utf8').replace(/\s+$/u, '').split('\n');
      return lines.slice(-MAX_LINES).join('\n');
    },
  };
};
