/** Signatures and the like of cosign, which are tags: they go with the image whose digest they name. */
const ATTACHED = /^(sha256|sha512)-([0-9a-f]{64,128})(?:\.[a-z]+)?$/;

const escape = (text: string): string => text.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');

const toPattern = (glob: string): RegExp =>
  new RegExp(`^${escape(glob).replaceAll('*', '.*').replaceAll('?', '.')}$`);

/** Which tags are wanted: those of the patterns (`*` any characters, `?` one); all where there are none. */
export const createTagFilter = (patterns: readonly string[] | undefined): ((tag: string) => boolean) => {
  if (patterns === undefined || patterns.length === 0) return () => true;
  const compiled = patterns.map(toPattern);
  return (tag) => compiled.some((pattern) => pattern.test(tag));
};

/** The digest of the image that a tag belongs to by its name. */
export const attachedTo = (tag: string): string | undefined => {
  const match = ATTACHED.exec(tag);
  return match === null ? undefined : `${match[1]}:${match[2]}`;
};
