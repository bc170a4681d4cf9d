import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const canTrace = spawnSync('strace', ['-V']).status === 0 && spawnSync('strace', ['true']).status === 0;

/** Runs `writes` on a new database, and counts what is written back to its log between marks. */
const syncsOf = (writes: string): readonly number[] => {
  const root = mkdtempSync(join(tmpdir(), 'lade-durability-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const script = join(root, 'child.ts');
  writeFileSync(
    script,
    `import { statSync } from 'node:fs';
     import { openDatabase } from '${import.meta.dirname}/index.ts';
     const migrations = [{ room: 'shop', version: 1, sql: 'CREATE TABLE things (name TEXT PRIMARY KEY, colour TEXT) STRICT' }];
     const database = await openDatabase({ path: '${root}/db', migrations });
     const mark = () => statSync('${root}/mark', { throwIfNoEntry: false });
     const add = (name, options) =>
       database.write([{ sql: 'INSERT OR IGNORE INTO things (name) VALUES (?)', params: [name] }], options);
     const paint = (colour) => database.write([{ sql: 'UPDATE things SET colour = ?', params: [colour] }]);
     await add('warm');
     await paint('red');
     mark();
     ${writes}
     mark();`,
  );
  const log = join(root, 'trace');
  // -y names the file of a descriptor.
  const calls = 'trace=fsync,fdatasync,stat,statx,newfstatat';
  execFileSync('strace', ['-f', '-y', '-o', log, '-e', calls, process.execPath, script]);
  const [, ...parts] = readFileSync(log).toString().split(`${root}/mark"`);
  return parts
    .slice(0, -1)
    .map((part) => part.split('\n').filter((line) => /f(data)?sync\(.*db-wal/.test(line)).length);
};

test.skipIf(!canTrace)('only durable writes wait for the disk, and cover those before them', () => {
  const later = '{ durable: false }';
  expect(
    syncsOf(`
      await add('a'); await add('b');
      mark();
      await add('c', ${later}); await add('d', ${later});
      mark();
      await add('e');
      mark();
      await add('f', ${later}); await add('a');
      mark();
      await add('a');
      mark();
      await add('g', ${later}); await paint(null);
      mark();
      await add('h', ${later}); await paint(null); await paint(null);
    `),
  ).toEqual([2, 0, 1, 1, 0, 1, 1]);
});
