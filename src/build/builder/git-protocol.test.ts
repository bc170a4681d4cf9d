import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BuildContext } from '#sources';
import { commitFiles, makeRepository } from '../sources/testing.ts';
import { openTestShop, type TestShop } from './testing.ts';

const DAEMON = '/usr/lib/git-core/git-daemon';

let shop: TestShop;

beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop[Symbol.asyncDispose]());

interface GitServer extends AsyncDisposable {
  readonly origin: string;
  readonly connections: () => number;
}

/** Serves the repositories below `root` by git's own daemon, one process for each connection. */
const startGitDaemon = async (root: string): Promise<GitServer> => {
  let connections = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    connections += 1;
    open.add(socket);
    const child = spawn(DAEMON, ['--inetd', '--export-all', `--base-path=${root}`, root], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'], HOME: root, GIT_CONFIG_NOSYSTEM: '1' },
    });
    // Either end may go first.
    child.stdin.on('error', () => undefined);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      open.delete(socket);
      child.kill();
    });
    socket.pipe(child.stdin);
    child.stdout.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    origin: `git://127.0.0.1:${port}`,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
};

const build = (context: BuildContext, text?: string) =>
  shop.builder.build(
    { context, ...(text === undefined ? {} : { dockerfile: { inline: text } }) },
    () => undefined,
  );

const look = async <T>(built: Awaited<ReturnType<typeof build>>, use: (root: string) => T): Promise<T> => {
  const { config } = await shop.library.prepare(built.imageId);
  await using view = await shop.layers.mountReadOnly(config.rootfs.diffIds);
  return use(view.path);
};

describe('git://', () => {
  it('is a source of ADD and a context, and is fetched again only when it has changed', async ({ skip }) => {
    skip(!existsSync(DAEMON), `${DAEMON} is not installed`);
    const path = shop.newContext();
    const files = { Dockerfile: 'FROM scratch\nCOPY . /all\n', 'sub/a.txt': 'first', 'b.txt': 'b' };
    makeRepository(join(path, 'app'), files);
    await using server = await startGitDaemon(path);
    const url = `${server.origin}/app`;
    const empty = { kind: 'directory', path: shop.newContext() } as const;
    const text = `FROM scratch\nADD ${url}/.git#main:sub /sub`;
    const first = await build(empty, text);
    await look(first, (root) => expect(readFileSync(join(root, 'sub/a.txt'), 'utf8')).toBe('first'));
    expect(server.connections()).toBeGreaterThan(0);
    expect((await build(empty, text)).steps.cached).toBe(1);
    commitFiles(join(path, 'app'), { 'sub/a.txt': 'second' });
    const second = await build(empty, text);
    await look(second, (root) => expect(readFileSync(join(root, 'sub/a.txt'), 'utf8')).toBe('second'));
    const whole = await build({ kind: 'remote', url: `${url}/.git#main` });
    await look(whole, (root) =>
      expect(readdirSync(join(root, 'all')).sort()).toEqual(['Dockerfile', 'b.txt', 'sub']),
    );
    await expect(build(empty, `FROM scratch\nADD ${server.origin}/none.git /x`)).rejects.toThrow(
      /none\.git/u,
    );
  });
});
