import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { LADE } from '../../support/lade.ts';
import { startService } from '../../support/process.ts';
import type { Scratch } from '../../support/scratch.ts';
import type { RegistryBench } from './bench.ts';

/** A registry of the benchmark's own. */
export interface BenchedRegistry extends AsyncDisposable {
  readonly name: string;
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly root: string;
  readonly pid: number;
  /** Sent with every request. */
  readonly authorization: string | undefined;
}

export interface LadeOptions {
  readonly args?: readonly string[] | undefined;
  readonly authorization?: string | undefined;
  readonly name?: string | undefined;
}

/** Lade's bundled registry, started as anybody starts it. */
export const startLade = async (root: string, options: LadeOptions = {}): Promise<BenchedRegistry> => {
  const { args = [], authorization, name = 'Lade' } = options;
  const serve = ['registry', 'serve', '--listen', '127.0.0.1:0', '--root', root, ...args];
  const service = await startService(LADE, serve);
  const port = /:(\d+)\b/.exec(service.readyLine)?.[1];
  const { pid } = service.child;
  if (port === undefined || pid === undefined) throw new Error(`no port in: ${service.readyLine}`);
  return {
    name,
    host: `127.0.0.1:${port}`,
    root,
    pid,
    authorization,
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
};

const portIn = async (log: string): Promise<string> => {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = /listening on 127\.0\.0\.1:(\d+)/.exec(readFileSync(log, 'utf8'))?.[1];
    if (port !== undefined) return port;
    await sleep(100);
  }
  throw new Error('docker-registry did not start');
};

/** Debian's, with its standard settings; its log goes to a file. */
export const startDockerRegistry = async (scratch: Scratch): Promise<BenchedRegistry> => {
  const root = scratch.join('docker-registry');
  const config = scratch.join('registry.yml');
  const log = scratch.join('registry.log');
  const storage = `{filesystem: {rootdirectory: ${root}}, delete: {enabled: true}}`;
  writeFileSync(config, `version: 0.1\nstorage: ${storage}\nhttp: {addr: '127.0.0.1:0'}\n`);
  const fd = openSync(log, 'w');
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', fd, fd] });
  const exited = once(child, 'exit');
  return {
    name: 'docker-registry',
    host: `127.0.0.1:${await portIn(log)}`,
    root,
    pid: child.pid ?? 0,
    authorization: undefined,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
};

/** Both, or Lade alone; Lade comes first. */
export const startBoth = async (
  { roots, alone }: RegistryBench,
  stack: AsyncDisposableStack,
): Promise<readonly BenchedRegistry[]> => {
  const lade = stack.use(await startLade(roots.next().join('root')));
  return alone ? [lade] : [lade, stack.use(await startDockerRegistry(roots.next()))];
};
