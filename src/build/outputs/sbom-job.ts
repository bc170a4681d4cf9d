import { Buffer } from 'node:buffer';
import type { JobContext } from '#work';
import { scanPackages } from './scan-packages.ts';
import { spdxDocument, type SpdxSubject } from './spdx.ts';
import { statementBytes, type StatementSubject } from './statement-bytes.ts';

export const SPDX = 'https://spdx.dev/Document';

/** An image's list of packages, to be made in a thread. */
export interface SbomJob {
  /** Where the files of the image are to be seen. */
  readonly root: string;
  readonly about: SpdxSubject;
  /** What the statement is about. */
  readonly subjects: readonly StatementSubject[];
}

export interface SbomMade {
  /** The statement as JSON. */
  readonly bytes: Uint8Array;
  /** What of the image is not in the list, and why; empty when it is complete. */
  readonly leftOut: readonly string[];
}

/** Looks for the packages of an image and lists them as a statement. */
export const makeSbom = async (
  { root, about, subjects }: SbomJob,
  { signal }: Pick<JobContext, 'signal'>,
): Promise<SbomMade> => {
  const scan = await scanPackages(root, { signal });
  const bytes = statementBytes(subjects, { predicateType: SPDX, predicate: spdxDocument(scan, about) });
  return { bytes: Buffer.from(bytes), leftOut: scan.leftOut };
};
