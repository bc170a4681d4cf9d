import { consoleErrors } from './errors.ts';

export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';

const CONTROL = '@abcdefghijklmnopqrstuvwxyz[\\]^_';

/**
 * The bytes of docker's `--detach-keys`, such as `ctrl-p,ctrl-q`.
 *
 * @throws CONSOLE_DETACH_KEYS_INVALID
 */
export const parseDetachKeys = (keys: string): readonly number[] =>
  keys.split(',').map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const control = /^ctrl-(.)$/i.exec(key)?.[1]?.toLowerCase();
    const code = control === undefined ? -1 : CONTROL.indexOf(control);
    if (code === -1) throw consoleErrors.detachKeysInvalid({ keys });
    return code;
  });

export interface Typed {
  /** What goes on to the container. */
  readonly pass: Buffer;
  /** The keys were typed: stop here. */
  readonly detached: boolean;
}

/**
 * Looks for the detach keys in what is typed, over any number of pieces. Keys that only began the sequence are passed
 * on when the sequence breaks.
 */
export const createDetachFilter = (keys: readonly number[]): ((typed: Buffer) => Typed) => {
  let matched = 0;
  return (typed) => {
    const pass: number[] = [];
    for (const byte of typed) {
      if (byte === keys[matched]) {
        matched += 1;
        if (matched === keys.length) return { pass: Buffer.from(pass), detached: true };
        continue;
      }
      pass.push(...keys.slice(0, matched));
      matched = byte === keys[0] ? 1 : 0;
      if (matched === 0) pass.push(byte);
    }
    return { pass: Buffer.from(pass), detached: false };
  };
};
