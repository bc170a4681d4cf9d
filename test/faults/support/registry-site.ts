/** A registry of the suite's own, and everything that it has promised. */
import { LADE } from '../../support/lade.ts';
import { startService, type Service } from '../../support/process.ts';
import type { Scratch } from '../../support/scratch.ts';
import { createFacts, type Facts } from './facts.ts';
import { openWire, type Wire } from './wire.ts';

export interface RegistrySite extends AsyncDisposable {
  readonly root: string;
  readonly facts: Facts;
  readonly wire: Wire;
  /** Speaks to the administration. */
  readonly local: Wire;
  readonly service: Service;
  /** Whether the program has ended. */
  ended(): boolean;
  /** Kills what is left, and starts again on the same root. */
  restart(): Promise<void>;
  /** Number of the next point, for names. */
  readonly next: () => number;
}

const start = async (root: string, env: NodeJS.ProcessEnv) => {
  const args = ['registry', 'serve', '--listen', '127.0.0.1:0', '--root', root, '--log-level', 'error'];
  const service = await startService(LADE, args, { ...process.env, ...env });
  const port = Number(/:(\d+)\b/.exec(service.readyLine)?.[1]);
  const wire = openWire({ port });
  const local = openWire({ socketPath: `${root}/registry.sock` });
  return { service, wire, local };
};

/** Starts on `root`, or on an empty one below `scratch`. */
export const startRegistrySite = async (
  scratch: Scratch,
  {
    root = scratch.join('registry'),
    env = {},
  }: { readonly root?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<RegistrySite> => {
  let running = await start(root, env);
  let points = 0;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    running.wire[Symbol.dispose]();
    running.local[Symbol.dispose]();
    await running.service.kill(signal);
  };
  return {
    root,
    facts: createFacts(),
    get wire() {
      return running.wire;
    },
    get local() {
      return running.local;
    },
    get service() {
      return running.service;
    },
    ended: () => running.service.child.exitCode !== null || running.service.child.signalCode !== null,
    async restart() {
      await stop('SIGKILL');
      running = await start(root, env);
    },
    next: () => ++points,
    [Symbol.asyncDispose]: () => stop('SIGTERM'),
  };
};
