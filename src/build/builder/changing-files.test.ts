import { execFileSync, spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isLadeError } from '#errors';
import { openTestShop, type TestShop } from './testing.ts';

let shop: TestShop;

beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop[Symbol.asyncDispose]());

const SIZE = 3000;
const A = 'A'.repeat(SIZE);
const B = 'B'.repeat(SIZE);

const directory = (): string => shop.newContext();

const DOCKERFILE = 'FROM scratch\nCOPY src /src\n';

/** Every file below a directory; links are not followed. */
const contentsOf = (root: string, prefix = ''): Map<string, string> => {
  const found = new Map<string, string>();
  for (const name of readdirSync(join(root, prefix))) {
    const path = prefix === '' ? name : `${prefix}/${name}`;
    const stats = lstatSync(join(root, path));
    if (stats.isFile()) found.set(path, readFileSync(join(root, path), 'latin1'));
    else if (stats.isDirectory()) for (const [each, text] of contentsOf(root, path)) found.set(each, text);
  }
  return found;
};

/** Builds, and reads what the image has; undefined where the build said that something changed. */
const build = async (
  path: string,
  text = DOCKERFILE,
  builder = shop.builder,
): Promise<ReadonlyMap<string, string> | undefined> => {
  try {
    const { imageId } = await builder.build(
      { context: { kind: 'directory', path }, dockerfile: { inline: text } },
      () => undefined,
    );
    const { config } = await shop.library.prepare(imageId);
    await using view = await shop.layers.mountReadOnly(config.rootfs.diffIds);
    return contentsOf(join(view.path, 'src'));
  } catch (error) {
    if (!isLadeError(error)) throw error;
    expect(['SOURCES_CONTEXT_CHANGED', 'SOURCES_SOURCE_NOT_FOUND'], error.message).toContain(error.code);
    return undefined;
  }
};

/** A process that changes files as fast as it can until it is disposed. */
const attack = async (script: string): Promise<AsyncDisposable> => {
  const prelude = `
    const fs = require('node:fs');
    const A = 'A'.repeat(${SIZE}), B = 'B'.repeat(${SIZE});
    let turn = 0;
    const quiet = (work) => { try { work(); } catch {} };
    console.log('ready');
    for (;;) { turn += 1; const text = turn % 2 === 0 ? A : B; quiet(() => { ${script} }); }`;
  const child = spawn(process.execPath, ['-e', prelude], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return {
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
};

const ATTACKS: Readonly<Record<string, (path: string) => string>> = {
  'written in place': (path) =>
    `const fd = fs.openSync('${path}/src/f', 'r+'); fs.writeSync(fd, text, 0); fs.closeSync(fd);`,
  'truncated and written': (path) => `fs.writeFileSync('${path}/src/f', text);`,
  'replaced by a rename': (path) =>
    `fs.writeFileSync('${path}/new', text); fs.renameSync('${path}/new', '${path}/src/f');`,
  'written, with its time set back': (path) =>
    `fs.writeFileSync('${path}/src/f', text); fs.utimesSync('${path}/src/f', 1000, 1000);`,
  'moved with its directory': (path) =>
    `fs.renameSync('${path}/src', '${path}/other'); fs.writeFileSync('${path}/other/f', text); fs.renameSync('${path}/other', '${path}/src');`,
  'removed and made again': (path) =>
    `fs.rmSync('${path}/src/f', { force: true }); fs.writeFileSync('${path}/src/f', text);`,
};

describe('a file that changes during builds', () => {
  test.for(Object.entries(ATTACKS))('%s', async ([, script]) => {
    const path = directory();
    mkdirSync(join(path, 'src'));
    writeFileSync(join(path, 'src/f'), A);
    for (let index = 0; index < 20; index += 1) writeFileSync(join(path, `src/still-${index}`), `${index}`);
    {
      await using _ = await attack(script(path));
      for (let round = 0; round < 12; round += 1) await build(path);
    }
    // Whatever was stored meanwhile under a key must be what that key says.
    if (!existsSync(join(path, 'src'))) renameSync(join(path, 'other'), join(path, 'src'));
    for (const text of [A, B, '', A]) {
      writeFileSync(join(path, 'src/f'), text);
      expect((await build(path))?.get('f')).toBe(text);
    }
  });

  test('a directory that becomes a link never brings what lies behind it', async () => {
    const path = directory();
    mkdirSync(join(path, 'src/d'), { recursive: true });
    const outside = directory();
    writeFileSync(join(outside, 'f'), 'secret'.repeat(500));
    writeFileSync(join(path, 'src/d/f'), A);
    const swap = `
      fs.renameSync('${path}/src/d', '${path}/kept'); fs.symlinkSync('${outside}', '${path}/src/d');
      fs.unlinkSync('${path}/src/d'); fs.renameSync('${path}/kept', '${path}/src/d');`;
    let whole = 0;
    {
      await using _ = await attack(swap);
      for (let round = 0; round < 25; round += 1) {
        const found = await build(path);
        for (const content of found?.values() ?? []) expect(content).not.toContain('secret');
        const named = await build(path, 'FROM scratch\nCOPY src/d/f /src/f\n');
        for (const content of named?.values() ?? []) expect(content).not.toContain('secret');
        whole += found === undefined && named === undefined ? 0 : 1;
      }
    }
    expect(whole).toBeGreaterThan(0);
  });
});

test('an edit within the same tick of the clock, of the same size, is seen', async () => {
  const path = directory();
  mkdirSync(join(path, 'src'));
  for (let round = 0; round < 10; round += 1) {
    for (const text of [A, B]) {
      writeFileSync(join(path, 'src/f'), text);
      expect((await build(path))?.get('f')).toBe(text);
    }
  }
});

test('an edit whose time is set back is seen by the change time', async () => {
  const path = directory();
  mkdirSync(join(path, 'src'));
  const file = join(path, 'src/f');
  for (const text of [A, B, A]) {
    writeFileSync(file, text);
    utimesSync(file, 1_000_000, 1_000_000);
    expect((await build(path))?.get('f')).toBe(text);
    expect(statSync(file).mtimeMs).toBe(1_000_000_000);
  }
});

test('an old file is not read again, and a new name for it is', async () => {
  const path = directory();
  mkdirSync(join(path, 'src'));
  writeFileSync(join(path, 'src/a'), A);
  writeFileSync(join(path, 'src/b'), B);
  await build(path);
  // The two change places: same sizes and times, other inodes.
  renameSync(join(path, 'src/a'), join(path, 'src/x'));
  renameSync(join(path, 'src/b'), join(path, 'src/a'));
  renameSync(join(path, 'src/x'), join(path, 'src/b'));
  const found = await build(path);
  expect([found?.get('a'), found?.get('b')]).toEqual([B, A]);
  rmSync(join(path, 'src/a'));
  expect((await build(path))?.has('a')).toBe(false);
});

test('an archive that is exchanged while ADD unpacks it is never another one', async () => {
  const path = directory();
  mkdirSync(join(path, 'src'));
  const outside = directory();
  for (const [folder, name] of [
    [path, 'inside'],
    [outside, 'secret'],
  ] as const) {
    writeFileSync(join(folder, name), name.repeat(1000));
    execFileSync('tar', ['-cf', join(folder, 'x.tar'), '-C', folder, name]);
  }
  renameSync(join(path, 'x.tar'), join(path, 'src/x.tar'));
  const swap = `
    fs.renameSync('${path}/src/x.tar', '${path}/kept'); fs.symlinkSync('${outside}/x.tar', '${path}/src/x.tar');
    fs.unlinkSync('${path}/src/x.tar'); fs.renameSync('${path}/kept', '${path}/src/x.tar');`;
  {
    await using _ = await attack(swap);
    for (let round = 0; round < 25; round += 1) {
      const found = await build(path, 'FROM scratch\nADD src/x.tar /src/\n');
      if (found !== undefined) expect([...found.keys()]).not.toContain('secret');
    }
  }
  if (existsSync(join(path, 'kept'))) {
    rmSync(join(path, 'src/x.tar'), { force: true });
    renameSync(join(path, 'kept'), join(path, 'src/x.tar'));
  }
  expect([...((await build(path, 'FROM scratch\nADD src/x.tar /src/\n'))?.keys() ?? [])]).toEqual(['inside']);
});

describe('a file that changed without its stat telling', () => {
  /** A builder that remembers another digest of the one file in the context. */
  const deceived = async (path: string) => {
    mkdirSync(join(path, 'src'), { recursive: true });
    writeFileSync(join(path, 'src/f'), 'before');
    // Older than a tick of the clock: what is read now is remembered.
    await setTimeout(2200);
    expect(await build(path)).toEqual(new Map([['f', 'before']]));
    const digest = hash('sha256', 'what no layer has');
    const sql = 'UPDATE build_files SET digest = ? WHERE root = ?';
    await shop.root.database.write([{ sql, params: [digest, path] }]);
    return shop.reopen();
  };

  test('fails one build, not those after it', async () => {
    const path = directory();
    const builder = await deceived(path);
    expect(await build(path, DOCKERFILE, builder)).toBeUndefined();
    expect(await build(path, DOCKERFILE, builder)).toEqual(new Map([['f', 'before']]));
  });

  test('is read again by --no-cache', async () => {
    const path = directory();
    const builder = await deceived(path);
    const noCache = {
      context: { kind: 'directory', path },
      dockerfile: { inline: DOCKERFILE },
      noCache: true,
    } as const;
    await builder.build(noCache, () => undefined);
    expect(await build(path, DOCKERFILE, builder)).toEqual(new Map([['f', 'before']]));
  });
});
