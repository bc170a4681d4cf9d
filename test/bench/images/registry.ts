import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Debian's docker-registry on a free port. */
export interface BenchRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
}

/** Starts it with its storage below `directory`; an empty directory is an empty registry. */
export const startBenchRegistry = async (directory: string): Promise<BenchRegistry> => {
  mkdirSync(directory, { recursive: true });
  const config = join(directory, 'registry.yml');
  const storage = `{filesystem: {rootdirectory: ${join(directory, 'data')}}, delete: {enabled: true}}`;
  writeFileSync(config, `version: 0.1\nstorage: ${storage}\nhttp: {addr: '127.0.0.1:0'}\n`);
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const closed = once(child, 'close');
  let host = '';
  for await (const line of createInterface({ input: child.stderr })) {
    host = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1] ?? '';
    if (host !== '') break;
  }
  if (host === '') throw new Error('docker-registry did not start');
  child.stderr.resume();
  return {
    host,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
};
