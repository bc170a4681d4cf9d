/** The command line starts with the bytecode that the build made, and without it; a verb loads what it uses. */
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LADE, startMachine, type Machine } from './support/lade.ts';
import { mustRun } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
const bundle = join(dirname(LADE), '..', 'dist', 'bundle');
const suffix = `.${process.version}-${process.arch}`;
let machine: Machine;

/** Prints, in a process of its own, which files' bytecode V8 does not take. */
const JUDGE = `
  const { readFileSync } = require('node:fs');
  const { Script, constants } = require('node:vm');
  const refused = process.argv.slice(1).filter((filename) => new Script(readFileSync(filename, 'latin1'), {
    filename,
    cachedData: readFileSync(filename + '${suffix}'),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  }).cachedDataRejected !== false);
  console.log(JSON.stringify(refused));
`;

const refusedOf = async (files: readonly string[]): Promise<unknown> =>
  JSON.parse((await mustRun(process.execPath, ['-e', JUDGE, ...files])).stdout);

/** A copy of the command line's files. */
const copyBundle = (name: string): { readonly entry: string; readonly files: readonly string[] } => {
  const to = scratch.join(name);
  mkdirSync(to);
  for (const part of ['cli', 'cli.cjs']) cpSync(join(bundle, part), join(to, part), { recursive: true });
  return {
    entry: join(to, 'cli.cjs'),
    files: globSync('cli/**/*.cjs', { cwd: to }).map((file) => join(to, file)),
  };
};

/** What the command line says of `build`. */
let help: string;

beforeAll(async () => {
  machine = await startMachine(scratch);
  help = (await mustRun(LADE, ['build', '--help'])).stdout;
});

afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

test('V8 takes the bytecode of every file, also where the package lies elsewhere', async () => {
  const { files } = copyBundle('moved');
  expect(files.length).toBeGreaterThan(50);
  expect(await refusedOf(files)).toEqual([]);
});

test('bytecode of something else is refused, so the check above can fail', async () => {
  const { files } = copyBundle('swapped');
  const [file = '', other = ''] = files.filter((name) => /verbs\/(images|build)\.cjs$/.test(name));
  cpSync(other + suffix, file + suffix);
  expect(await refusedOf([file, other])).toEqual([file]);
});

/** Where V8 writes a hash of its version. */
const V8_VERSION_AT = 4;

test.each([
  ['absent', (path: string) => rmSync(path)],
  ['empty', (path: string) => truncateSync(path, 0)],
  ['cut short', (path: string) => truncateSync(path, 3000)],
  [
    "another V8's",
    (path: string) => {
      const bytes = readFileSync(path);
      bytes.writeUInt8(bytes.readUInt8(V8_VERSION_AT) ^ 1, V8_VERSION_AT);
      writeFileSync(path, bytes);
    },
  ],
])('where the bytecode is %s, the source is compiled', async (name, spoil) => {
  const { entry, files } = copyBundle(`spoilt-${name.replaceAll(/\W/g, '-')}`);
  for (const file of files) spoil(file + suffix);
  if (name !== 'absent') expect(await refusedOf(files)).toEqual(files);
  const { stdout } = await mustRun(process.execPath, [entry, 'build', '--help']);
  expect(stdout).toBe(help);
});

test('other flags of V8 do not matter', async () => {
  const flagged = ['--no-opt', '--stack-size=900', join(bundle, 'cli.cjs'), 'build', '--help'];
  expect((await mustRun(process.execPath, flagged)).stdout).toBe(help);
});

/** Names of Node's own modules that a command loads. */
const loadedBy = async (...args: string[]): Promise<readonly string[]> => {
  const out = scratch.join('modules.json');
  const hook = scratch.join('hook.cjs');
  const list = `process.moduleLoadList.map((name) => name.replace('NativeModule ', ''))`;
  writeFileSync(
    hook,
    `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(out)}, JSON.stringify(${list})));`,
  );
  const env = { ...process.env, LADE_HOST: `unix://${machine.socket}` };
  await mustRun(process.execPath, ['-r', hook, join(bundle, 'cli.cjs'), ...args], { env });
  return JSON.parse(readFileSync(out).toString()) as string[];
};

const COSTLY = new Set([
  'crypto',
  'zlib',
  'fs/promises',
  'child_process',
  'http',
  'perf_hooks',
  'readline',
  'tls',
  'worker_threads',
]);

test.each([['ps'], ['images'], ['build']])('%s loads nothing of Node that it does not use', async (verb) => {
  const context = scratch.join('context');
  mkdirSync(context, { recursive: true });
  writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
  const loaded = await loadedBy(verb, ...(verb === 'build' ? ['-q', context] : []));
  expect(loaded).toContain('net');
  expect(loaded.filter((name) => COSTLY.has(name))).toEqual([]);
});
