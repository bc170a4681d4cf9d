import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { hash } from 'bcryptjs';
import type { Scratch } from './scratch.ts';

export interface DockerRegistryOptions {
  /** Users with their passwords, by htpasswd. */
  readonly users?: Readonly<Record<string, string>>;
  /** URL that its notifications go to. */
  readonly notify?: string;
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
}

export interface DockerRegistry extends AsyncDisposable {
  /** host:port */
  readonly address: string;
}

const htpasswd = async (file: string, users: Readonly<Record<string, string>>): Promise<void> => {
  const lines = await Promise.all(
    Object.entries(users).map(async ([user, password]) => `${user}:${await hash(password, 4)}`),
  );
  writeFileSync(file, `${lines.join('\n')}\n`);
};

/** Debian's docker-registry on a free port, with what it has in a folder of the test's own. */
export const startDockerRegistry = async (
  scratch: Scratch,
  name: string,
  { users, tls, notify }: DockerRegistryOptions = {},
): Promise<DockerRegistry> => {
  const folder = scratch.join(name);
  mkdirSync(folder);
  if (users !== undefined) await htpasswd(`${folder}/htpasswd`, users);
  const config = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: `${folder}/data` }, delete: { enabled: true } },
    http: {
      addr: '127.0.0.1:0',
      ...(tls === undefined
        ? {}
        : {
            tls: {
              certificate: tls.cert,
              key: tls.key,
              ...(tls.clientCa === undefined ? {} : { clientcas: [tls.clientCa] }),
            },
          }),
    },
    ...(notify === undefined
      ? {}
      : {
          notifications: {
            endpoints: [{ name: 'sink', url: notify, timeout: '5s', threshold: 5, backoff: '1s' }],
          },
        }),
    ...(users === undefined ? {} : { auth: { htpasswd: { realm: 'r', path: `${folder}/htpasswd` } } }),
  };
  // JSON is YAML.
  writeFileSync(`${folder}/config.yml`, JSON.stringify(config));
  const child = spawn('docker-registry', ['serve', `${folder}/config.yml`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const closed = once(child, 'close');
  let log = '';
  let address: string | undefined;
  for await (const line of createInterface({ input: child.stderr })) {
    log += `${line}\n`;
    address = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (address !== undefined) break;
  }
  child.stderr.resume();
  if (address === undefined) throw new Error(`docker-registry did not start:\n${log}`);
  return {
    address,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await closed;
    },
  };
};
