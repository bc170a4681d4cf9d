/** `a=1,b=2`, sorted. */
export const joinLabels = (labels: Readonly<Record<string, string>> | null | undefined): string =>
  Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join(',');

/** `key=value` words as a map; a word without `=` has an empty value. */
export const toMap = (words: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    words.map((word) => {
      const split = word.indexOf('=');
      return split === -1 ? [word, ''] : [word.slice(0, split), word.slice(split + 1)];
    }),
  );
