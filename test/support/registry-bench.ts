import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { startDockerRegistry, type DockerRegistry } from './docker-registry.ts';
import { busyboxArchive, startMachine, type Machine } from './lade.ts';
import { mustRun } from './process.ts';
import { createScratch, type Scratch } from './scratch.ts';

/** An image manifest, as far as the tests read it. */
export interface Manifest {
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

/** Debian's docker-registry with `team/app:v1`, and a daemon whose configuration of hosts can be changed. */
export interface RegistryBench extends AsyncDisposable {
  readonly scratch: Scratch;
  /** host:port of a registry without users and TLS. */
  readonly plain: DockerRegistry;
  readonly machine: Machine;
  /** A daemon of its own, with nothing in it, for one test. */
  freshMachine(name: string): Promise<Machine>;
  /** Puts a configuration of registries in force. */
  configure(text: string, on?: Machine): Promise<void>;
  /** Disposed with everything else. */
  readonly stack: AsyncDisposableStack;
}

const RELOADED = 'read the configuration of registries again';

/** What skopeo gets for a name, byte for byte. */
export const raw = async (reference: string, ...flags: string[]): Promise<string> =>
  (await mustRun('skopeo', ['inspect', '--raw', '--tls-verify=false', ...flags, `docker://${reference}`]))
    .stdout;

export const startRegistryBench = async (): Promise<RegistryBench> => {
  const scratch = createScratch();
  const stack = new AsyncDisposableStack();
  stack.defer(() => scratch[Symbol.dispose]());
  const plain = stack.use(await startDockerRegistry(scratch, 'plain'));
  const hosts = scratch.join('registries.yaml');
  writeFileSync(hosts, '');
  const env = { LADE_REGISTRIES: hosts };
  const machine = stack.use(await startMachine(scratch, { env }));
  await machine.docker('import', await busyboxArchive(scratch), 'test/busybox');
  await machine.docker('tag', 'test/busybox', `${plain.address}/team/app:v1`);
  await machine.docker('push', `${plain.address}/team/app:v1`);
  return {
    scratch,
    plain,
    machine,
    stack,
    freshMachine: async (name) => stack.use(await startMachine(scratch.child(name), { env })),
    configure: async (text, on = machine) => {
      writeFileSync(hosts, text);
      const reloads = (): number => on.daemon.stderr().split(RELOADED).length;
      const before = reloads();
      on.daemon.child.kill('SIGHUP');
      await expect.poll(reloads).toBeGreaterThan(before);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};
