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
  put('house.json', JSON.stringify({ floors: [floor('base', 'low', 'mid'), floor('top', 'high')] }));
});
afterEach(() => rmSync(project, { recursive: true }));

test('downward imports through the door, builtins and allowed packages pass', () => {
  put(
    'src/base/low/index.ts',
    `import { z } from 'zod';\nimport fs from 'node:fs';\nexport * from './own.ts';`,
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
  ['an unknown room', 'src/top/high/index.ts', `import { a } from '#nowhere';`],
  ['outside of every room', 'src/base/stray.ts', `export const a = 1;`],
])('an import %s is a fault', (_what, file, text) => {
  put(file, text);
  expect(checkHouse(project)).toHaveLength(1);
});

test('an empty tree is a fault, not a pass', () => {
  expect(checkHouse(project)).toHaveLength(1);
});
