/** Entity tags of a list, without what marks them weak (RFC 9110, "Comparison"). */
const tagsIn = (header: string): readonly string[] =>
  [...header.matchAll(/(?:W\/)?("[\u0021\u0023-\u007e\u0080-\u00ff]*")/g)].map((match) => match[1] ?? '');

/**
 * Whether an If-None-Match or If-Match header names the entity: `*` names whatever is there. Compared weakly, because
 * every representation here is exactly its digest.
 */
export const namesEntity = (header: string | undefined, etag: string): boolean =>
  header !== undefined && (header.trim() === '*' || tagsIn(header).includes(etag));
