import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { parse } from 'yaml';
import {
  byteSize,
  duration,
  exampleSettings,
  listenAddress,
  printSettings,
  readSettings,
  secret,
} from './index.ts';
import type { Override } from './index.ts';

const schema = z.strictObject({
  listen: z.union([listenAddress(), z.array(listenAddress())]).prefault('127.0.0.1:5000'),
  insecure: z.boolean().default(false),
  workers: z.int().min(1).max(8).default(2).describe('How many.'),
  log: z.strictObject({ level: z.enum(['info', 'warn']).default('info') }).prefault({}),
  keep: z
    .strictObject({ undoFor: duration().prefault('24h'), floor: byteSize().prefault('1GiB') })
    .prefault({}),
  password: secret().optional(),
  rules: z
    .array(z.strictObject({ repository: z.string(), last: z.int().optional(), token: secret().optional() }))
    .default([]),
  headers: z.record(z.string(), secret()).default({}),
});

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lade-settings-'));
  file = join(dir, 'r.yaml');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

interface Sources {
  readonly env?: Record<string, string>;
  readonly flags?: readonly Override[];
}

const read = async (yaml: string, sources: Sources = {}) => {
  await writeFile(file, yaml);
  return readSettings(schema, { file, ...sources });
};

/** What is wrong, with FILE for the file's path. */
const faults = async (yaml: string, sources: Sources = {}): Promise<readonly string[]> => {
  const failure: unknown = await read(yaml, sources).then(
    () => new Error('nothing was wrong'),
    (error: unknown) => error,
  );
  return (failure instanceof Error ? failure.message : '').replaceAll(file, 'FILE').split('\n');
};

describe('mistakes', () => {
  test.each<readonly [string, string, readonly string[]]>([
    ['a key written wrongly', 'insecur: true\n', ['FILE:1:1: insecur: no such key; did you mean insecure?']],
    [
      'a key in other capitals',
      'keep:\n  undofor: 1h\n',
      ['FILE:2:3: keep.undofor: no such key; did you mean undoFor?'],
    ],
    [
      'a key that nothing is like',
      'log: { colour: red }\n',
      ['FILE:1:8: log.colour: no such key; known are level'],
    ],
    ['a wrong type', 'workers: many\n', ['FILE:1:10: workers: must be a number, not text']],
    ['a group that is a number', 'log: 5\n', ['FILE:1:6: log: must be a group of keys, not a number']],
    ['a number out of range', 'workers: 9\n', ['FILE:1:10: workers: Too big: expected number to be <=8']],
    [
      'a word that is none of them',
      'log:\n  level: wran\n',
      ['FILE:2:10: log.level: must be one of info, warn; did you mean warn?'],
    ],
    [
      'a duration',
      'keep:\n  undoFor: soon\n',
      ['FILE:2:12: keep.undoFor: write a duration such as 30s, 12h or 14d'],
    ],
    [
      'a negative duration',
      'keep: {undoFor: -5s}',
      ['FILE:1:17: keep.undoFor: write a duration such as 30s, 12h or 14d'],
    ],
    ['a size', 'keep: { floor: 5 XB }\n', ['FILE:1:16: keep.floor: write a size such as 512MiB or 50GiB']],
    [
      'one entry of a list',
      'listen:\n  - 127.0.0.1:1\n  - nowhere\n',
      ['FILE:3:5: listen.1: nowhere is not HOST:PORT'],
    ],
    [
      'what is missing in an entry',
      'rules:\n  - last: 3\n',
      ['FILE:2:5: rules.0.repository: is missing; it is text'],
    ],
    [
      'what is behind an alias',
      'log: &a { level: x }\nkeep: *a\n',
      [
        'FILE:1:11: keep.level: no such key; known are undoFor, floor',
        'FILE:1:18: log.level: must be one of info, warn',
      ],
    ],
    ['a key twice', 'workers: 1\nworkers: 2\n', ['FILE:2:1: Map keys must be unique']],
    [
      'no YAML',
      'a: [1\nb: 2\n',
      ['FILE:2:1: Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ],
    [
      'several at once, in order',
      'workers: 0\nx: 1\ninsecure: 3\n',
      [
        'FILE:1:10: workers: Too small: expected number to be >=1',
        'FILE:2:1: x: no such key; known are listen, insecure, workers, log, keep, password, rules, headers',
        'FILE:3:11: insecure: must be true or false, not a number',
      ],
    ],
    [
      'a secret in a file that is not there',
      'password: { file: /nowhere/x }\n',
      ["FILE:1:11: password: ENOENT: no such file or directory, open '/nowhere/x'"],
    ],
  ])('%s', async (_what, yaml, expected) => {
    expect(await faults(yaml)).toEqual(expected);
  });

  test('of variables and flags name these', async () => {
    const flags = [{ from: '--listen', path: ['listen'], value: ['x'] }];
    expect(await faults('workers: 2\n', { env: { LADE_REGISTRY_WORKERS: '99' }, flags })).toEqual([
      '--listen: listen.0: x is not HOST:PORT',
      'LADE_REGISTRY_WORKERS: workers: Too big: expected number to be <=8',
    ]);
  });

  test('a file that cannot be read is named', async () => {
    await expect(readSettings(schema, { file: join(dir, 'none') })).rejects.toThrow(
      /cannot read.*none.*ENOENT/,
    );
  });

  test('a value is never part of what is said about a secret', async () => {
    expect((await faults('password: [hunter2]\n')).join()).not.toContain('hunter2');
  });
});

describe('reading', () => {
  test('nothing gives the defaults, and so does a file with everything commented out', async () => {
    const { settings } = await readSettings(schema, {});
    expect(settings).toEqual({
      listen: { host: '127.0.0.1', port: 5000 },
      insecure: false,
      workers: 2,
      log: { level: 'info' },
      keep: { undoFor: 86_400_000, floor: 1024 ** 3 },
      rules: [],
      headers: {},
    });
    expect((await read('# nothing\n')).settings).toEqual(settings);
    expect((await read('log:\n  # level: warn\nkeep:\n')).settings).toEqual(settings);
    expect((await read(exampleSettings(schema))).settings).toEqual(settings);
  });

  test('flags win over variables, variables over the file', async () => {
    const env = { LADE_REGISTRY_WORKERS: '3', LADE_REGISTRY_LOG__LEVEL: 'warn' };
    const flags = [{ from: '--workers', path: ['workers'], value: 4 }];
    const { settings } = await read('workers: 1\ninsecure: true\n', { env, flags });
    expect(settings).toMatchObject({ workers: 4, insecure: true, log: { level: 'warn' } });
  });

  test('variables: levels, capitals, lists, YAML; what is none is only told', async () => {
    const { settings, unknownVariables } = await read('', {
      env: {
        LADE_REGISTRY_KEEP__UNDO_FOR: '14d',
        LADE_REGISTRY_LISTEN: '[::1]:1, 0.0.0.0:2',
        LADE_REGISTRY_PASSWORD: '0123',
        LADE_REGISTRY_RULES: '[{ repository: a, last: 3 }]',
        LADE_REGISTRY_INSECURE: 'true',
        LADE_REGISTRY_PORT: 'tcp://10.0.0.1:5000',
        LADE_REGISTRY_WORKRS: '5',
        LADE_REGISTRYX: 'other',
      },
    });
    expect(settings).toMatchObject({
      keep: { undoFor: 14 * 86_400_000 },
      listen: [
        { host: '::1', port: 1 },
        { host: '0.0.0.0', port: 2 },
      ],
      password: '0123',
      rules: [{ repository: 'a', last: 3 }],
      insecure: true,
    });
    expect(unknownVariables).toEqual(['LADE_REGISTRY_PORT', 'LADE_REGISTRY_WORKRS (is workers meant?)']);
  });

  test('a secret may be in a file', async () => {
    await writeFile(join(dir, 's'), 'hunter2\n');
    const { settings } = await read(`password: { file: ${join(dir, 's')} }\n`);
    expect(settings.password).toBe('hunter2');
  });
});

test('what is printed is what is in force, without secrets, and can be read again', async () => {
  const { written } = await read(
    'password: hunter2\nworkers: 3\nheaders: { X-Key: hunter2 }\nrules: [{ repository: a, token: hunter2 }]\n',
  );
  const printed = printSettings(schema, written);
  expect(printed).not.toContain('hunter2');
  expect(parse(printed)).toEqual({
    listen: '127.0.0.1:5000',
    insecure: false,
    workers: 3,
    log: { level: 'info' },
    keep: { undoFor: '24h', floor: '1GiB' },
    password: '(hidden)',
    rules: [{ repository: 'a', token: '(hidden)' }],
    headers: { 'X-Key': '(hidden)' },
  });
});
