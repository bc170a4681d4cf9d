import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { encodeTarHeader, TAR_END } from '#tar';
import { sharedStore } from './testing/shared-store.ts';
import { formsHere } from './testing/forms.ts';

const streamOf = (...chunks: readonly Buffer[]): Readable => Readable.from(chunks, { objectMode: false });

describe.each(formsHere())('%s: sparse and large files', (backend) => {
  const shared = sharedStore(backend);

  const sparseTar = (path: string, size: number, pieces: readonly (readonly [number, string])[]): Buffer => {
    const host = mkdtempSync(join(tmpdir(), 'lade-sparse-'));
    writeFileSync(join(host, path), '');
    truncateSync(join(host, path), size);
    for (const [at, text] of pieces)
      execFileSync(
        'dd',
        [`of=${join(host, path)}`, `oflag=seek_bytes`, `seek=${at}`, 'conv=notrunc', 'status=none'],
        { input: text },
      );
    const tar = execFileSync('tar', ['-S', '--format=pax', '-C', host, '-cf', '-', path], {
      maxBuffer: 1 << 28,
    });
    rmSync(host, { recursive: true });
    return tar;
  };

  test('more than 4 GiB with holes', async () => {
    const size = 5 * 2 ** 30 + 123;
    const tar = sparseTar('big', size, [
      [0, 'start'],
      [2 ** 32 + 8192, 'beyond'],
      [size - 3, 'end'],
    ]);
    const { diffId } = await shared.store.unpack({
      kind: 'stream',
      stream: streamOf(tar),
      compression: 'none',
    });
    await using view = await shared.store.mountReadOnly([diffId]);
    expect(statSync(join(view.path, 'big')).size).toBe(size);
    const fd = openSync(join(view.path, 'big'), 'r');
    const read = (at: number, length: number): string => {
      const buffer = Buffer.alloc(length);
      readSync(fd, buffer, 0, length, at);
      return buffer.toString('latin1');
    };
    expect(read(0, 6)).toBe('start\0');
    expect(read(2 ** 32 + 8190, 10)).toBe('\0\0beyond\0\0');
    expect(read(2 ** 31, 5)).toBe('\0'.repeat(5));
    expect(read(size - 4, 4)).toBe('\0end');
    closeSync(fd);
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
