/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
const distance = (a: string, b: string): number => {
  let older: readonly number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replacement = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (older[j - 2] ?? Infinity) + 1 : Infinity;
      next.push(Math.min(replacement, swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    older = row;
    row = next;
  }
  return row[b.length] ?? 0;
};

/**
 * The candidate that was most likely meant by `word`, ignoring case, or undefined when none is near.
 * Near means at most a third of the letters differ, and never more than three.
 */
export const closest = (word: string, candidates: Iterable<string>): string | undefined => {
  const lower = word.toLowerCase();
  const limit = Math.min(3, Math.max(1, Math.floor(word.length / 3)));
  let best: { readonly candidate: string; readonly away: number } | undefined;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > limit) continue;
    const away = distance(lower, candidate.toLowerCase());
    if (away <= limit && away < (best?.away ?? limit + 1)) best = { candidate, away };
  }
  return best?.candidate;
};

/** Insertions, deletions and replacements; more than `limit` are not counted. */
const edits = (a: string, b: string, limit: number): number => {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replacement = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replacement, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
};

/** Edits that BuildKit's suggestions are away at most, and the longest word that is worth one. */
const NEAR = 2;
const LONGEST = 200;
/** So many candidates are compared: who has more of them gets no better advice. */
const MAX_COMPARED = 2000;

/**
 * The first of the candidates that are fewest edits away, two at most, as BuildKit suggests. Undefined when `word` is a
 * candidate itself: then something else is wrong.
 */
export const nearest = (
  word: string,
  candidates: Iterable<string>,
  options: { readonly ignoreCase?: boolean } = {},
): string | undefined => {
  if (word.length > LONGEST) return undefined;
  const fold = (text: string): string => (options.ignoreCase === true ? text.toLowerCase() : text);
  const wanted = fold(word);
  let best: { readonly candidate: string; readonly away: number } | undefined;
  let compared = 0;
  for (const candidate of candidates) {
    compared += 1;
    if (compared > MAX_COMPARED) break;
    const own = fold(candidate);
    if (own === wanted) return undefined;
    const limit = (best?.away ?? NEAR + 1) - 1;
    if (Math.abs(own.length - wanted.length) > limit) continue;
    const away = edits(wanted, own, limit);
    if (away <= limit) best = { candidate, away };
  }
  return best?.candidate;
};

/** `did you mean X?`, or undefined when nothing is near. */
export const didYouMean = (word: string, candidates: Iterable<string>): string | undefined => {
  const all = [...candidates];
  const found = closest(word, all) ?? nearest(word, all, { ignoreCase: true });
  return found === undefined ? undefined : `did you mean ${found}?`;
};
