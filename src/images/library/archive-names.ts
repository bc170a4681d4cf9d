import { canonicalString, parseReference } from '#oci';
import { libraryErrors } from './errors.ts';

/**
 * The canonical name that an archive gives an image. An archive is not asked to prove what it says, so it cannot give
 * a name with a digest: whoever uses one relies on getting that content and no other.
 *
 * @throws OCI_INVALID_REFERENCE, LIBRARY_DIGEST_IN_TAG
 */
export const archivedTag = (name: string): string => {
  const reference = parseReference(name);
  if (reference.digest !== undefined) throw libraryErrors.digestInTag({});
  return canonicalString(reference);
};
