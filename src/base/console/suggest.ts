const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
};

/** The candidate that `word` was probably meant to be, or undefined when none is near. */
export const nearest = (word: string, candidates: readonly string[]): string | undefined => {
  const limit = word.length <= 3 ? 1 : 2;
  const scored = candidates
    .map((candidate) => ({
      candidate,
      score: candidate.startsWith(word) && word.length > 1 ? 1 : distance(word, candidate),
    }))
    .filter(({ score }) => score <= limit);
  return scored.toSorted((a, b) => a.score - b.score)[0]?.candidate;
};
