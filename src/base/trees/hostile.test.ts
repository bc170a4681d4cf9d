import { closeSync, constants, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { escapingArchives, makeOutside } from '../tar/testing.ts';
import { extractTar } from './extract-tar.ts';

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

describe('an archive that is unpacked stays below its root', () => {
  test.each(Object.keys(escapingArchives('/')))('%s', async (name) => {
    using outside = makeOutside();
    const path = mkdtempSync(join(tmpdir(), 'lade-untar-'));
    try {
      mkdirSync(join(path, 'inside'));
      // The container may have links of its own where the archive goes.
      for (const own of ['l', 'd', 'f'])
        symlinkSync(own === 'f' ? `${outside.path}/secret` : outside.path, join(path, 'inside', own));
      for (const directory of ['/', '/inside']) {
        const root = openSync(path, constants.O_DIRECTORY | constants.O_RDONLY);
        const options = { root, directory, keepKinds: false, owner: undefined };
        await extractTar(once(escapingArchives(outside.path)[name] ?? Buffer.alloc(0)), options).catch(
          (error: unknown) => expect(error).toBeInstanceOf(Error),
        );
        closeSync(root);
        expect(outside.touched()).toBe('');
      }
    } finally {
      rmSync(path, { recursive: true });
    }
  });
});
