import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { mountFileSystem, umount } from '#sys';
import { probeErofs } from '../backend.ts';
import type { BackendName } from '../types.ts';

/**
 * An EROFS image of one file, `probe`, whose content is block 1 of a second device. Made once and kept as bytes, so that
 * a fault in how Lade writes images cannot make a machine look like one that mounts none.
 */
const IMAGE = gunzipSync(
  Buffer.from(
    'H4sIAAAAAAACA2NgGAWjYBSMVPDo4dcHMDYngwEDExY1rHj05ySmpCLzecAkIwMnndzPMhqFFAFGBjaGt44MDDpI4cmIQy0TAbN4WBjB6UEvM7cg' +
      'JzM1pRKcphgYljQi0pACHnMYcYgyjkYTzYABlFZhYIKzVRmYGIyhbHUGRgY9Pb2Covyk1NHQGn4AAInp63YACgAA',
    'base64',
  ),
);

/** Whether an EROFS image over a second file can be mounted from below `directory`, found without Lade's own writer. */
export const mountsErofs = (directory: string): boolean => {
  const own = mkdtempSync(join(directory, 'lade-golden-'));
  const target = join(own, 'mount');
  try {
    mkdirSync(target);
    writeFileSync(join(own, 'image'), IMAGE);
    writeFileSync(
      join(own, 'tar'),
      Buffer.concat([Buffer.alloc(512), Buffer.from('probe'), Buffer.alloc(1531)]),
    );
    const parameters = [['device', join(own, 'tar')]] as const;
    mountFileSystem({ type: 'erofs', target, parameters, readonly: true, source: join(own, 'image') });
    const content = readFileSync(join(target, 'probe'), 'utf8');
    umount(target);
    return content === 'probe';
  } catch {
    return false;
  } finally {
    rmSync(own, { recursive: true });
  }
};

/** Where a machine may let EROFS be mounted from; tests use the first. */
const PLACES = [tmpdir(), '/var/tmp'];

export const machineMountsErofs = (): boolean => PLACES.some(mountsErofs);

/** The forms that a store can have here, by the trial that the store itself makes. */
export const formsHere = (): readonly BackendName[] =>
  probeErofs(tmpdir()) === undefined ? ['erofs', 'directories'] : ['directories'];

/** Fails when a suite did not run on each form that it could have run on. */
export const checkForms = (ran: ReadonlySet<BackendName>, erofsMounts: boolean): void => {
  if (!ran.has('directories')) throw new Error('the conformance suite did not run on directories');
  if (erofsMounts && !ran.has('erofs'))
    throw new Error(
      'EROFS can be mounted on this machine, yet the conformance suite ran on directories only: ' +
        'set TMPDIR to a folder on ext4 or xfs, or mend the trial mount (backend.ts)',
    );
};
