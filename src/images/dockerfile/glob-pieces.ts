/** Parts of a regular expression that stand for wildcards of a path pattern. */
export const STAR = '[^/]*';
export const TAIL = '.*';
export const DEEP = '(.*/)?';

export const ANY = '[^/]';

type Step = typeof STAR | typeof TAIL | typeof DEEP | ((character: string) => boolean);

const stepOf = (piece: string): Step => {
  if (piece === STAR || piece === TAIL || piece === DEEP) return piece;
  if (piece === ANY) return (character) => character !== '/';
  const one = new RegExp(`^${piece}$`);
  return (character) => one.test(character);
};

/** Where a match may stand: before a step, or inside the directories that a `**` passes. */
interface Places {
  readonly before: Set<number>;
  readonly inside: Set<number>;
}

/** Wildcards may stand for nothing: the step after one is reached with it. */
const enter = (steps: readonly Step[], places: Places, index: number): void => {
  for (let at = index; !places.before.has(at); at += 1) {
    places.before.add(at);
    if (typeof steps[at] !== 'string') return;
  }
};

const advance = (steps: readonly Step[], from: Places, character: string): Places => {
  const to: Places = { before: new Set(), inside: new Set() };
  for (const index of from.before) {
    const step = steps[index];
    if (step === DEEP) {
      to.inside.add(index);
      if (character === '/') enter(steps, to, index + 1);
    } else if (step === TAIL || (step === STAR && character !== '/')) enter(steps, to, index);
    else if (typeof step === 'function' && step(character)) enter(steps, to, index + 1);
  }
  for (const index of from.inside) {
    to.inside.add(index);
    if (character === '/') enter(steps, to, index + 1);
  }
  return to;
};

/**
 * Tests paths against pieces, each a wildcard or an expression for one character, in time that grows with pieces times
 * path; the expression they make together could take for ever.
 */
export const testPieces = (pieces: readonly string[]): ((path: string) => boolean) => {
  const steps = pieces.map(stepOf);
  return (path) => {
    let places: Places = { before: new Set(), inside: new Set() };
    enter(steps, places, 0);
    for (const character of path) places = advance(steps, places, character);
    return places.before.has(steps.length);
  };
};
