import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runLade, startFakeDaemon, type FakeDaemon } from './testing.ts';

let folder: string;
let daemon: FakeDaemon;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lade-cli-files-'));
  daemon = await startFakeDaemon({
    routes: {
      'GET /images/get': (_call, response: ServerResponse) => void response.writeHead(200).end('the archive'),
    },
  });
});
afterEach(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const save = (path: string) => runLade(daemon, ['save', '-o', path, 'app:1']);

describe('save -o', () => {
  test('writes through a link, and leaves nothing else', async () => {
    const [file, link] = [join(folder, 'file'), join(folder, 'link')];
    writeFileSync(file, 'old and longer than the archive');
    symlinkSync('file', link);
    expect(await save(link)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(file, 'utf8')).toBe('the archive');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readdirSync(folder).toSorted()).toEqual(['file', 'link']);
  });

  test('writes into a FIFO, which stays one', async () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const reader = import('node:fs/promises').then(({ readFile }) => readFile(fifo, 'utf8'));
    expect(await save(fifo)).toMatchObject({ code: 0 });
    expect(await reader).toBe('the archive');
    expect(lstatSync(fifo).isFIFO()).toBe(true);
  });

  test.each([
    ['a folder', '.', 'it is a directory'],
    ['a folder that is not there', 'none/x.tar', 'no such file or directory'],
  ])('names %s that it cannot write to, and says what to do', async (_name, path, problem) => {
    const { code, stderr } = await save(join(folder, path));
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot write ${join(folder, path)}: `);
    expect(stderr).toContain(problem);
    expect(stderr).not.toContain('.part-');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('the name of an image', () => {
  test.each([
    ['rmi', ''],
    ['tag', '', 'b'],
    ['history', ''],
    ['push', ''],
    ['image', 'inspect', ''],
  ])('cannot be empty: %s %s %s', async (...args) => {
    const { code, stderr } = await runLade(
      daemon,
      args.filter((word) => word !== undefined),
    );
    expect(code).toBe(1);
    expect(stderr).toContain('the name of an image is empty');
    expect(daemon.calls).toEqual([]);
  });
});

describe('the name that an image gets', () => {
  test.each([
    ['tag', 'a', 'b:1@sha256:12'],
    ['tag', 'a', 'b:'],
    ['commit', 'c', 'b@sha256:12'],
    ['commit', 'c', 'b:'],
    ['push', 'b@sha256:12'],
  ])('cannot be chosen with a digest or an empty tag: %s %s %s', async (...args) => {
    const { code, stderr } = await runLade(
      daemon,
      args.filter((word) => word !== undefined),
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/has a digest|has an empty tag/);
    expect(daemon.calls).toEqual([]);
  });
});
