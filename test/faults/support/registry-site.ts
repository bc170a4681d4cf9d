/** A registry of the suite's own, and everything that it has promised. */
import { writeFileSync } from 'node:fs';
import { LADE } from '../../support/lade.ts';
import { startService, type Service } from '../../support/process.ts';
import type { Scratch } from '../../support/scratch.ts';
import { createFacts, type Facts, type State } from './facts.ts';
import { openWire, type Wire, type WireAnswer } from './wire.ts';

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
  /** Tells of every answer to a client, and of everything promised by it, until it is disposed. */
  watch(watcher: Watcher): Disposable;
}

export interface Watcher {
  answered(): void;
  promised(path: string, state: State): void;
}

const start = async (
  root: string,
  { config, env }: { readonly config: string; readonly env: NodeJS.ProcessEnv },
) => {
  const args = ['registry', 'serve', '--listen', '127.0.0.1:0', '--root', root, '--config', config];
  const service = await startService(LADE, args, { ...process.env, ...env });
  const port = Number(/:(\d+)\b/.exec(service.readyLine)?.[1]);
  const wire = openWire({ port });
  const local = openWire({ socketPath: `${root}/registry.sock` });
  return { service, wire, local };
};

const watched = (wire: Wire, watcher: Watcher): Wire => {
  const counted = async (asked: Promise<WireAnswer>): Promise<WireAnswer> => {
    const answer = await asked;
    watcher.answered();
    return answer;
  };
  return { ...wire, call: (what) => counted(wire.call(what)), must: (what) => counted(wire.must(what)) };
};

export interface RegistrySiteOptions {
  readonly root?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The section `keeping` of the settings. */
  readonly keeping?: Readonly<Record<string, string>>;
}

/** Starts on `root`, or on an empty one below `scratch`. */
export const startRegistrySite = async (
  scratch: Scratch,
  { root = scratch.join('registry'), env = {}, keeping = {} }: RegistrySiteOptions = {},
): Promise<RegistrySite> => {
  const config = scratch.join('registry.yaml');
  // JSON is YAML.
  writeFileSync(config, JSON.stringify({ log: { level: 'error' }, keeping }));
  let running = await start(root, { config, env });
  const facts = createFacts();
  let watcher: Watcher | undefined;
  let points = 0;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    running.wire[Symbol.dispose]();
    running.local[Symbol.dispose]();
    await running.service.kill(signal);
  };
  return {
    root,
    facts: {
      ...facts,
      done: (path, state) => {
        watcher?.promised(path, state);
        facts.done(path, state);
      },
    },
    get wire() {
      return watcher === undefined ? running.wire : watched(running.wire, watcher);
    },
    get local() {
      return watcher === undefined ? running.local : watched(running.local, watcher);
    },
    watch: (next) => {
      watcher = next;
      return { [Symbol.dispose]: () => void (watcher = undefined) };
    },
    get service() {
      return running.service;
    },
    ended: () => running.service.child.exitCode !== null || running.service.child.signalCode !== null,
    async restart() {
      await stop('SIGKILL');
      running = await start(root, { config, env });
    },
    next: () => ++points,
    [Symbol.asyncDispose]: () => stop('SIGTERM'),
  };
};
