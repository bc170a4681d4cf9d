/** One character of a class, perhaps escaped; the index after it, or undefined where none may stand. */
const afterMember = (characters: readonly string[], at: number): number | undefined => {
  const first = characters[at];
  if (first === undefined || first === '-' || first === ']') return undefined;
  const next = first === '\\' ? at + 2 : at + 1;
  // A class has to go on after it.
  return next < characters.length ? next : undefined;
};

/** The index after a class that begins at `[`, or undefined when it is no class. */
const afterClass = (characters: readonly string[], open: number): number | undefined => {
  let at = characters[open + 1] === '^' ? open + 2 : open + 1;
  for (let members = 0; members === 0 || characters[at] !== ']'; members += 1) {
    const low = afterMember(characters, at);
    if (low === undefined) return undefined;
    const high = characters[low] === '-' ? afterMember(characters, low + 1) : low;
    if (high === undefined) return undefined;
    at = high;
  }
  return at + 1;
};

/** Whether Go's `filepath.Match` takes the pattern: classes are closed, not empty and in order, nothing ends in `\`. */
export const isWellFormed = (pattern: string): boolean => {
  const characters = Array.from(pattern);
  for (let at = 0; at < characters.length;) {
    const character = characters[at];
    if (character === '\\') {
      if (at + 1 >= characters.length) return false;
      at += 2;
    } else if (character === '[') {
      const after = afterClass(characters, at);
      if (after === undefined) return false;
      at = after;
    } else at += 1;
  }
  return true;
};
