import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkHouse } from './check-house.ts';

let project = '';

const put = (path: string, text: string): void => {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), text);
};

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'lade-house-'));
  const floor = (name: string, ...rooms: string[]) => ({
    name,
    rooms: rooms.map((room) => ({ name: room, external: ['zod'] })),
  });
  put('package.json', JSON.stringify({ imports: { '#low': './src/base/low/index.ts' } }));
  put('house.json', JSON.stringify({ floors: [floor('base', 'low', 'mid'), floor('top', 'high')] }));
});
afterEach(() => rmSync(project, { recursive: true }));

test('downward imports through the door, builtins and allowed packages pass', () => {
  put(
    'src/base/low/index.ts',
    `import { z } from 'zod';\nimport fs from 'node:fs';\nexport { a } from './own.ts';`,
  );
  put(
    'src/top/high/index.ts',
    `import { a } from '#low';\nimport type { b } from '#mid';\nconst c = await import('#low');`,
  );
  expect(checkHouse(project)).toEqual([]);
});

test.each([
  ['upward', 'src/base/low/index.ts', `import { a } from '#high';`],
  ['to the right', 'src/base/low/index.ts', `export { a } from '#mid';`],
  ['past a door', 'src/base/mid/index.ts', `import { a } from '../low/own.ts';`],
  ['lazily upward', 'src/base/low/index.ts', `const a = await import('#high');`],
  ['over several lines', 'src/base/low/index.ts', `import {\n  a,\n  type B,\n} from '#high';`],
  ['a foreign package', 'src/base/low/index.ts', `import koffi from 'koffi';`],
  ['in double quotes', 'src/base/low/index.ts', `import { a } from "#high";`],
  ['as a namespace', 'src/base/low/own.ts', `export * as a from '#high';`],
  ['for its effects', 'src/base/low/index.ts', `import '#high';`],
  ['of a type, inline', 'src/base/low/index.ts', `type A = import('#high').A;`],
  ['behind a comment', 'src/base/low/index.ts', `/* a */ import { a } from /* b */ '#high';`],
  [
    'after what looks like one',
    'src/base/low/index.ts',
    `const glob = '/*';\nimport { a } from '#high'; // */`,
  ],
  ['in the middle of a line', 'src/base/low/index.ts', `if (x) void import( /* lazy */ '#high');`],
  ['by require', 'src/base/low/index.ts', `createRequire(import.meta.url)('koffi');`],
  ['by a require of its own', 'src/base/low/index.ts', `const load = createRequire(here);`],
  ['by a computed name', 'src/base/low/index.ts', `await import(name);`],
  ['by a template', 'src/base/low/index.ts', 'await import(`#${name}`);'],
  ['of what is for tests', 'src/base/low/index.ts', `import { a } from './testing.ts';`],
  ['in plain JavaScript', 'src/base/low/own.mjs', `import { a } from '#high';`],
  ['an unknown room', 'src/top/high/index.ts', `import { a } from '#nowhere';`],
  ['outside of every room', 'src/base/stray.ts', `export const a = 1;`],
])('an import %s is a fault', (_what, file, text) => {
  put(file, text);
  expect(checkHouse(project)).toHaveLength(1);
});

test('a door names what it exports, and each #name is a door', () => {
  put('src/base/low/index.ts', `export * from './own.ts';`);
  expect(checkHouse(project)).toHaveLength(1);
  put('package.json', JSON.stringify({ imports: { '#low': './src/base/low/own.ts' } }));
  expect(checkHouse(project)).toHaveLength(2);
});

test('an empty tree is a fault, not a pass', () => {
  expect(checkHouse(project)).toHaveLength(1);
});
