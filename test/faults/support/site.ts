/** A daemon of the suite's own, with images that no fault may ever touch. */
import { startMachine, type Machine } from '../../support/lade.ts';
import type { Scratch } from '../../support/scratch.ts';
import { callDaemon, mustCall, type Answer, type Call } from './api.ts';
import { archiveOf, makeImage } from './images.ts';
import { startFaultyRegistry, type FaultyRegistry } from './registry.ts';

export interface Site extends AsyncDisposable {
  readonly machine: Machine;
  readonly registry: FaultyRegistry;
  /** Every tag that the daemon has said it has, with its image. */
  readonly committed: Map<string, string>;
  /** A stopped container to commit. */
  readonly container: string;
  readonly call: (call: Call) => Promise<Answer>;
  readonly must: (call: Call) => Promise<Buffer>;
  /** Number of the next point, for names. */
  readonly next: () => number;
}

const KEPT = ['keep/one:1', 'keep/two:1'] as const;

const createContainer = async (socket: string): Promise<string> => {
  const body = JSON.stringify({ Image: KEPT[0], Cmd: ['/none'] });
  const answer = await mustCall(socket, { path: '/containers/create', body, type: 'application/json' });
  return (JSON.parse(answer.toString()) as { Id: string }).Id;
};

/** Starts on an empty root below `scratch`, or on the given one. */
export const startSite = async (
  scratch: Scratch,
  options: { readonly root?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Site> => {
  const registry = await startFaultyRegistry();
  const machine = await startMachine(scratch, options);
  const committed = new Map<string, string>();
  for (const tag of KEPT) {
    const image = makeImage([40_000, 3000]);
    await mustCall(machine.socket, { path: '/images/load', body: archiveOf(image, tag) });
    committed.set(tag, image.id);
  }
  const container = await createContainer(machine.socket);
  let points = 0;
  return {
    machine,
    registry,
    committed,
    container,
    call: (call) => callDaemon(machine.socket, call),
    must: (call) => mustCall(machine.socket, call),
    next: () => ++points,
    async [Symbol.asyncDispose]() {
      await machine[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
    },
  };
};
