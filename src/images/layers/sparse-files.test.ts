import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { encodeTarHeader, TAR_END } from '#tar';
import { listLayers, unpackEntries } from './testing.ts';
import { formsHere } from './testing/forms.ts';
import { packByGnuTar } from './testing/gnu-tar.ts';
import { sharedStore } from './testing/shared-store.ts';
import { hard } from './testing/sources.ts';

const streamOf = (...chunks: readonly Buffer[]): Readable => Readable.from(chunks, { objectMode: false });

const writePieces = (
  path: string,
  size: number,
  pieces: readonly (readonly [at: number, text: string])[],
): void => {
  const fd = openSync(path, 'w');
  for (const [at, text] of pieces) writeSync(fd, text, at);
  ftruncateSync(fd, Math.floor(size));
  closeSync(fd);
};

describe.each(formsHere())('%s: sparse and large files', (backend) => {
  const shared = sharedStore(backend);

  const list = async (tar: Buffer): Promise<readonly string[]> => {
    const source = { kind: 'stream', stream: streamOf(tar), compression: 'none' } as const;
    const { diffId } = await shared.store.unpack(source);
    return await listLayers(shared.store, [diffId]);
  };

  const FORMATS: readonly (readonly string[])[] = [
    ['--format=gnu'],
    ['--format=oldgnu'],
    ['--format=pax', '--sparse-version=0.0'],
    ['--format=pax', '--sparse-version=0.1'],
    ['--format=pax', '--sparse-version=1.0'],
  ];
  /** Formats that are made for whole seconds need files of whole seconds. */
  const settle = (path: string): void => {
    for (const name of readdirSync(path)) utimesSync(join(path, name), 1_600_000_000, 1_600_000_000);
    utimesSync(path, 1_600_000_000, 1_600_000_000);
  };

  test.each(FORMATS)(
    'GNU tar %s %s: few pieces, many, none, and files beyond 4, 8 and 64 GiB',
    async (...format) => {
      const { tar, lines } = packByGnuTar(['-S', ...format], (path) => {
        writePieces(
          join(path, 'many'),
          8_000_000,
          Array.from({ length: 90 }, (_, i) => [i * 81_920, `piece ${i}`]),
        );
        writePieces(join(path, 'hole'), 5_000_000, []);
        writePieces(join(path, 'start'), 3_000_000, [[0, 'a']]);
        writePieces(join(path, 'end'), 3_000_001, [[3_000_000, 'z']]);
        writePieces(join(path, '4g'), 5 * 2 ** 30 + 123, [
          [0, 'a'],
          [2 ** 32 + 8192, 'beyond'],
          [2 ** 32 - 3, 'across'],
          [5 * 2 ** 30 + 120, 'end'],
        ]);
        writePieces(join(path, '8g'), 9 * 2 ** 30, [[2 ** 33 - 4096, 'b'.repeat(9000)]]);
        writePieces(join(path, '64g'), 70 * 2 ** 30 + 1, [
          [2 ** 36, 'far'],
          [70 * 2 ** 30, 'x'],
        ]);
        settle(path);
      });
      expect(await list(tar)).toEqual(lines);
    },
  );

  test('a file of 1.2 TiB with pieces all over, as a log of logins has it', async () => {
    const { tar, lines } = packByGnuTar(['-S', '--format=pax'], (path) => {
      writePieces(join(path, 'lastlog'), 1.2 * 2 ** 40, [
        [0, 'a'],
        [292 * 65_534, 'nobody'],
        [292 * 4_000_000_000, 'far'],
      ]);
      settle(path);
    });
    expect(await list(tar)).toEqual(lines);
  });

  test('a hard link to a sparse file below keeps its holes', async () => {
    const { tar, lines } = packByGnuTar(['-S', '--format=pax'], (path) => {
      writePieces(join(path, 'sparse'), 2 ** 30, [[2 ** 29, 'middle']]);
      settle(path);
    });
    const stream = { kind: 'stream', stream: streamOf(tar), compression: 'none' } as const;
    const below = (await shared.store.unpack(stream)).diffId;
    const above = await unpackEntries(shared.store, [hard('other', 'sparse')]);
    const found = await listLayers(shared.store, [below, above]);
    const line = lines.find((each) => each.startsWith('/sparse')) ?? '';
    expect(found).toContain(`${line} = /other`);
    expect((await shared.store.usage(above)).bytes).toBeLessThan(20_000_000);
  });

  test('runs that are no whole blocks', async () => {
    const map = '2\n3\n4\n700\n5\n';
    const content = Buffer.concat([Buffer.from(map.padEnd(512, '\0')), Buffer.from('abcdvwxyz')]);
    const header = encodeTarHeader({ path: 'GNUSparseFile.0/odd', kind: 'file', size: content.length });
    const record = (key: string, value: string): string => {
      const rest = ` ${key}=${value}\n`;
      const length = rest.length + String(rest.length + 2).length;
      return `${length}${rest}`;
    };
    const records = Buffer.from(
      record('GNU.sparse.major', '1') +
        record('GNU.sparse.minor', '0') +
        record('GNU.sparse.name', 'odd') +
        record('GNU.sparse.realsize', '1000'),
    );
    const pax = encodeTarHeader({ path: 'p', kind: 'file', size: records.length });
    pax.write('x', 156, 'latin1');
    pax.write('        ', 148, 'latin1');
    pax.write(
      `${pax
        .reduce((a, b) => a + b, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
      'latin1',
    );
    const pad = (bytes: Buffer): Buffer =>
      Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
    const tar = Buffer.concat([pax, pad(records), header, pad(content), TAR_END]);
    const { diffId } = await shared.store.unpack({
      kind: 'stream',
      stream: streamOf(tar),
      compression: 'none',
    });
    await using view = await shared.store.mountReadOnly([diffId]);
    const wanted = Buffer.alloc(1000);
    wanted.write('abcd', 3);
    wanted.write('vwxyz', 700);
    expect(readFileSync(join(view.path, 'odd')).equals(wanted)).toBe(true);
  });
});
