/** Makes the permission bits of `--chmod` out of those of a file. */
export type ModeChange = (mode: number, isDirectory: boolean) => number;

const SHIFTS: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };
const BITS: Readonly<Record<string, number>> = { r: 4, w: 2, x: 1 };
const CLAUSE = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/u;
const ACTION = /([-+=])([ugo]|[rwxXst]*)/gu;
const ANY_EXECUTE = 0o111;
const SET_IDS: Readonly<Record<string, number>> = { u: 0o4000, g: 0o2000 };
const STICKY = 0o1000;

interface Change {
  readonly mode: number;
  readonly isDirectory: boolean;
}

const permissionBits = (letters: string, { mode, isDirectory }: Change): number => {
  if (/^[ugo]$/u.test(letters)) return (mode >> (SHIFTS[letters] ?? 0)) & 7;
  let bits = 0;
  for (const letter of letters) bits |= BITS[letter] ?? 0;
  return letters.includes('X') && (isDirectory || (mode & ANY_EXECUTE) !== 0) ? bits | 1 : bits;
};

const specialBits = (who: string, letters: string): number => {
  const ids = letters.includes('s')
    ? Array.from(who).reduce((bits, each) => bits | (SET_IDS[each] ?? 0), 0)
    : 0;
  return letters.includes('t') ? ids | STICKY : ids;
};

const apply = ({ mode, isDirectory }: Change, who: string, operator: string, letters: string): number => {
  let mask = 0;
  let bits = 0;
  for (const each of who) {
    mask |= 7 << (SHIFTS[each] ?? 0);
    bits |= permissionBits(letters, { mode, isDirectory }) << (SHIFTS[each] ?? 0);
  }
  bits |= specialBits(who, letters);
  if (operator === '+') return mode | bits;
  return operator === '-' ? mode & ~bits : (mode & ~mask) | bits;
};

/** Reads `--chmod`: octal (`755`) or symbolic (`u=rwX,go=rX`); undefined when it is neither. */
export const parseModeChange = (text: string): ModeChange | undefined => {
  if (/^[0-7]{1,4}$/u.test(text)) return () => Number.parseInt(text, 8);
  const clauses = text.split(',').map((clause) => CLAUSE.exec(clause));
  if (!clauses.every((clause) => clause !== null)) return undefined;
  return (mode, isDirectory) => {
    let changed = mode;
    for (const [, written = '', actions = ''] of clauses) {
      const who = written === '' || written.includes('a') ? 'ugo' : written;
      for (const [, operator = '', letters = ''] of actions.matchAll(ACTION)) {
        changed = apply({ mode: changed, isDirectory }, who, operator, letters);
      }
    }
    return changed;
  };
};
