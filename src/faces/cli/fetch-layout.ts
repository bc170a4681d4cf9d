import type { Readable } from 'node:stream';
import { writeLayout } from '#outputs';

/** Writes an archive that comes from a daemon elsewhere as the directory of an OCI layout. */
export const fetchLayout = (path: string, archive: Readable): Promise<void> =>
  writeLayout(path, archive as AsyncIterable<Uint8Array>, undefined);
