import type { IncomingHttpHeaders } from 'node:http';

/** Entity tags of a list, without what marks them weak (RFC 9110, "Comparison"). */
const tagsIn = (header: string): readonly string[] =>
  [...header.matchAll(/(?:W\/)?("[\u0021\u0023-\u007e\u0080-\u00ff]*")/g)].map((match) => match[1] ?? '');

/**
 * Whether an If-None-Match or If-Match header names the entity: `*` names whatever is there. Compared weakly, because
 * every representation here is exactly its digest.
 */
export const namesEntity = (header: string | undefined, etag: string): boolean =>
  header !== undefined && (header.trim() === '*' || tagsIn(header).includes(etag));

/** What a push expects of the tag it moves, by If-Match and If-None-Match (RFC 9110); undefined: anything. */
export const expectedOfTag = ({
  'if-match': match,
  'if-none-match': noneMatch,
}: IncomingHttpHeaders): ((current: string | undefined) => boolean) | undefined =>
  match === undefined && noneMatch === undefined
    ? undefined
    : (current) => {
        const etag = current === undefined ? undefined : `"${current}"`;
        const matches = match === undefined || (etag !== undefined && namesEntity(match, etag));
        return matches && !(etag !== undefined && namesEntity(noneMatch, etag));
      };
