/** Bad input, full disks, lying registries and SIGKILL: one clear error, and nothing half-made left behind. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  busyboxArchive,
  startMachine,
  startRegistry,
  type Machine,
  type RegistryService,
} from './support/lade.ts';
import { mustRun } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
let machine: Machine;
let registry: RegistryService;

beforeAll(async () => {
  machine = await startMachine(scratch);
  // Images that are removed here must really be fetched again.
  await machine.lade('config', 'set', 'undo.keep', '0');
  registry = await startRegistry(scratch.join('registry'));
  await machine.docker('import', await busyboxArchive(scratch), 'test/busybox');
});

afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await machine?.[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

const buildError = async (
  files: Readonly<Record<string, string>>,
): Promise<{ code: number | null; stderr: string }> => {
  const context = scratch.join(`context-${Math.random().toString(36).slice(2)}`);
  mkdirSync(context);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(context, name), text);
  return machine.tryLade(['build', '-t', 'bad', context]);
};

/** Entries of the store that only work in progress makes. */
const leftovers = (): string[] =>
  ['ingest', 'snapshots', 'builds'].flatMap((directory) => {
    try {
      return readdirSync(join(machine.root, directory)).map((name) => `${directory}/${name}`);
    } catch {
      return [];
    }
  });

describe('bad input to build', () => {
  test('unknown instruction: the line and a suggestion', async () => {
    const { code, stderr } = await buildError({ Dockerfile: 'FROM test/busybox\nCOPPY a b\n' });
    expect(code).toBe(1);
    expect(stderr).toContain('COPPY');
    expect(stderr).toMatch(/did you mean COPY/i);
    expect(stderr).toMatch(/Dockerfile:2|line 2/);
  });

  test('missing COPY source: its name and the line', async () => {
    const { code, stderr } = await buildError({
      Dockerfile: 'FROM test/busybox\nCOPY servr.js /\n',
      'server.js': '',
    });
    expect(code).toBe(1);
    expect(stderr).toContain('servr.js');
    expect(stderr).toMatch(/Dockerfile:2|line 2/);
  });

  test('failing RUN: exit code, last output, line', async () => {
    const { code, stderr } = await buildError({
      Dockerfile: 'FROM test/busybox\nRUN echo last words; exit 9\n',
    });
    expect(code).not.toBe(0);
    expect(stderr).toContain('last words');
    expect(stderr).toMatch(/exit code:? 9/);
    expect(stderr).toMatch(/Dockerfile:2|line 2/);
    expect(leftovers()).toEqual([]);
  });

  test('a context without Dockerfile', async () => {
    const { code, stderr } = await buildError({ 'app.js': '' });
    expect(code).toBe(1);
    expect(stderr).toContain('Dockerfile is not in the build context');
  });
});

describe('registries', () => {
  test('an unreachable one', async () => {
    const result = await machine.tryLade(['pull', 'localhost:1/no/such']);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('localhost:1');
    expect(leftovers()).toEqual([]);
  });

  test('an unknown image', async () => {
    const result = await machine.tryLade(['pull', `${registry.address}/no/such:1`]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/not found|unknown/);
  });

  test('one that lies about a layer’s digest is not believed', async () => {
    const name = `${registry.address}/lie:1`;
    await machine.docker('tag', 'test/busybox', name);
    await machine.docker('push', name);
    await machine.docker('rmi', name, 'test/busybox');
    const upstream = `http://${registry.address.replace('localhost', '127.0.0.1')}`;
    const liar = createServer((request, response) => {
      const target = new URL(request.url ?? '/', upstream);
      void fetch(target, {
        method: request.method ?? 'GET',
        headers: { accept: request.headers.accept ?? '*/*' },
      }).then(async (answer) => {
        const body = Buffer.from(await answer.arrayBuffer());
        if (target.pathname.includes('/blobs/') && body.length > 10_000)
          body.writeUInt8(body.readUInt8(5_000) ^ 1, 5_000);
        const headers = Object.fromEntries(
          [...answer.headers].filter(([key]) => /^(content-type|docker-content-digest)$/.test(key)),
        );
        response
          .writeHead(answer.status, { ...headers, 'content-length': body.length })
          .end(request.method === 'HEAD' ? undefined : body);
      });
    }).listen(0, '127.0.0.1');
    await once(liar, 'listening');
    const { port } = liar.address() as { port: number };
    const result = await machine.tryLade(['pull', `127.0.0.1:${port}/lie:1`]);
    liar.close();
    liar.closeAllConnections();
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/digest|corrupt/i);
    expect((await machine.docker('images', '-aq')).stdout.trim()).toBe('');
    await machine.docker('pull', name);
    await machine.docker('tag', name, 'test/busybox');
    expect((await machine.docker('run', '--rm', 'test/busybox', 'echo', 'whole')).stdout).toBe('whole\n');
  });
});

test('a full disk: a clear error, nothing half-made, and the daemon goes on', async () => {
  using small = createScratch();
  const root = small.join('root');
  mkdirSync(root);
  await mustRun('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', root]);
  try {
    await using other = await startMachine(small, { root });
    writeFileSync(small.join('big'), Buffer.alloc(40 << 20, 7));
    await mustRun('tar', ['-cf', small.join('big.tar'), '-C', small.path, 'big']);
    const result = await other.tryLade(['import', small.join('big.tar'), 'big']);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/no space left/i);
    expect((await other.docker('images', '-aq')).stdout).toBe('');
    await other.docker('import', await busyboxArchive(small), 'fits');
    expect((await other.docker('images', '--format', '{{.Repository}}')).stdout).toContain('fits');
  } finally {
    await mustRun('sh', [
      '-c',
      `grep ' ${small.path}' /proc/self/mounts | awk '{print $2}' | sort -r | xargs -r -n1 umount -l`,
    ]);
  }
});

describe('kill -9 of the daemon', () => {
  const killAfter = async (delayMs: number, args: readonly string[]): Promise<void> => {
    const running = machine.tryDocker(args);
    await sleep(delayMs);
    await machine.restart('SIGKILL');
    await running;
  };

  /** Everything committed is whole, and nothing of the interrupted work is left (`--rm` frees its space afterwards). */
  const checkClean = async (): Promise<void> => {
    expect((await machine.docker('run', '--rm', 'test/busybox', 'echo', 'whole')).stdout).toBe('whole\n');
    await expect.poll(leftovers, { timeout: 5_000 }).toEqual([]);
  };

  beforeAll(async () => {
    const random = scratch.join('random');
    await mustRun('sh', ['-c', `head -c 60000000 /dev/urandom > ${random}`]);
    await mustRun('tar', ['-cf', scratch.join('random.tar'), '-C', scratch.path, 'random']);
    await machine.docker('import', scratch.join('random.tar'), `${registry.address}/random:1`);
  });

  test.each([30, 120, 400, 900])('in a push, after %i ms', async (delay) => {
    await killAfter(delay, ['push', `${registry.address}/random:1`]);
    await machine.docker('push', `${registry.address}/random:1`);
    await checkClean();
  });

  test.each([10, 60, 150, 300, 600])('in a pull, after %i ms', async (delay) => {
    await machine.docker('push', `${registry.address}/random:1`);
    await machine.docker('rmi', `${registry.address}/random:1`);
    await killAfter(delay, ['pull', `${registry.address}/random:1`]);
    await machine.docker('pull', `${registry.address}/random:1`);
    await checkClean();
  });

  test.each([50, 200, 500, 900])('in a build, after %i ms', async (delay) => {
    const context = scratch.join(`kill-${delay}`);
    mkdirSync(context);
    const steps = [
      'FROM test/busybox',
      'COPY . /copied',
      'RUN sleep 0.3; echo one > /one',
      'RUN sleep 0.3; echo two > /two',
    ];
    writeFileSync(join(context, 'Dockerfile'), steps.join('\n'));
    await killAfter(delay, ['build', '-t', 'killed', context]);
    await machine.docker('build', '-t', 'killed', context);
    expect((await machine.docker('run', '--rm', 'killed', 'cat', '/one', '/two')).stdout).toBe('one\ntwo\n');
    await checkClean();
  });

  test('containers live on, with their logs and exit code', async () => {
    await machine.docker(
      'run',
      '-d',
      '--name',
      'survivor',
      'test/busybox',
      'sh',
      '-c',
      'echo before; sleep 2; echo after; exit 7',
    );
    await sleep(300);
    await machine.restart('SIGKILL');
    expect((await machine.docker('wait', 'survivor')).stdout.trim()).toBe('7');
    expect((await machine.docker('logs', 'survivor')).stdout).toBe('before\nafter\n');
    await machine.docker('rm', 'survivor');
  });
});
