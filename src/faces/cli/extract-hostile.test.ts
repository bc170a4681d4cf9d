import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { escapingArchives, makeOutside } from '../../base/tar/testing.ts';
import { extractTar } from './extract-tar.ts';

describe('archives copied out of a container cannot leave the target folder', () => {
  test.each(Object.keys(escapingArchives('/')))('%s', async (name) => {
    using outside = makeOutside();
    const folder = mkdtempSync(join(tmpdir(), 'lade-extract-'));
    try {
      for (const own of ['l', 'd', 'f'])
        symlinkSync(own === 'f' ? `${outside.path}/secret` : outside.path, join(folder, own));
      for (const keepOwners of [true, false]) {
        const stream = Readable.from([escapingArchives(outside.path)[name] ?? Buffer.alloc(0)]);
        const options = { folder, rename: undefined, keepOwners, mustBeFolder: false };
        await extractTar(stream, options).catch((error: unknown) => expect(error).toBeInstanceOf(Error));
        expect(outside.touched()).toBe('');
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
