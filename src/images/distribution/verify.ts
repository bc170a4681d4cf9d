import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { algorithmOf, digestOf, type Digest } from '#oci';
import { distributionErrors } from './errors.ts';

export interface Expected {
  readonly digest: Digest;
  readonly size: number;
  /** For the error's text. */
  readonly host: string;
  readonly name: string;
}

/**
 * A stream that passes bytes on and fails at the end when they are not `expected`, and earlier when there are too many:
 * DISTRIBUTION_DIGEST_MISMATCH, DISTRIBUTION_SIZE_MISMATCH. Hashes on the calling thread.
 */
export const verifying = (expected: Expected): Transform => {
  const algorithm = algorithmOf(expected.digest);
  const hash = createHash(algorithm);
  let size = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > expected.size) {
        done(distributionErrors.sizeMismatch({ ...expected, expected: expected.size, actual: size }));
        return;
      }
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      const actual = digestOf(algorithm, hash.digest('hex'));
      if (size !== expected.size) {
        done(distributionErrors.sizeMismatch({ ...expected, expected: expected.size, actual: size }));
      } else if (actual !== expected.digest) {
        done(distributionErrors.digestMismatch({ ...expected, expected: expected.digest, actual }));
      } else done();
    },
  });
};
