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

/** `did you mean X?`, or undefined when nothing is near. */
export const didYouMean = (word: string, candidates: Iterable<string>): string | undefined => {
  const found = closest(word, candidates);
  return found === undefined ? undefined : `did you mean ${found}?`;
};
