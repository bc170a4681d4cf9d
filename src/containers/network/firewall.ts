import { isLadeError } from '#errors';
import { coalesce } from './coalesce.ts';
import { forwardChain, hasJump, jumpPlace, jumpsTo, renderForwardChain } from './forward-rules.ts';
import { renderRuleset, type Ruleset } from './ruleset.ts';
import { runProgram } from './run-program.ts';

/** How long a look at other people's rules is believed, in milliseconds. */
const BELIEVED_MS = 10_000;

export interface FirewallOptions {
  /** Tells the daemons of one machine apart; names the table. */
  readonly tag: string;
  /** What should be in force, asked at the moment of writing. */
  readonly wanted: () => Omit<Ruleset, 'table'>;
}

export interface Firewall {
  /** Resolves when the rules wanted at the time of the call, or later ones, are in force. Calls that wait share one run. */
  apply(): Promise<void>;
  /** Lets our bridges through where another program's FORWARD chain refuses what it does not know. */
  passForward(): Promise<void>;
  /** Waits for what was asked for. */
  settled(): Promise<void>;
}

const listForward = async (): Promise<string> => {
  try {
    return await runProgram('iptables', ['-w', '-S']);
  } catch (error) {
    // Without iptables nothing can have set its policy.
    if (isLadeError(error, 'failed-precondition')) return '';
    throw error;
  }
};

const removeForward = async (chain: string, listing: string): Promise<void> => {
  for (const from of jumpsTo(listing, chain)) await runProgram('iptables', ['-w', '-D', from, '-j', chain]);
  if (!listing.split('\n').includes(`-N ${chain}`)) return;
  await runProgram('iptables', ['-w', '-F', chain]);
  await runProgram('iptables', ['-w', '-X', chain]);
};

const updateForward = async (chain: string, devices: readonly string[]): Promise<void> => {
  const listing = await listForward();
  const place = devices.length === 0 ? undefined : jumpPlace(listing);
  if (place === undefined) return await removeForward(chain, listing);
  await runProgram('iptables-restore', ['-w', '--noflush'], renderForwardChain(chain, devices));
  if (!hasJump(listing, place, chain)) await runProgram('iptables', ['-w', '-I', place, '-j', chain]);
};

/** The packet rules of one daemon: a table of its own in nftables, and a chain in iptables only where it must be. */
export const createFirewall = ({ tag, wanted }: FirewallOptions): Firewall => {
  let looked = Number.NEGATIVE_INFINITY;
  let seen = '';
  const write = coalesce(async () => {
    await runProgram('nft', ['-f', '-'], renderRuleset({ table: `lade-${tag}`, ...wanted() }));
  });
  const pass = coalesce(async () => {
    const devices = wanted().bridges.map((bridge) => bridge.device);
    if (devices.join() === seen && performance.now() - looked < BELIEVED_MS) return;
    await updateForward(forwardChain(tag), devices);
    [seen, looked] = [devices.join(), performance.now()];
  });
  let last: Promise<unknown> = Promise.resolve();
  const remembered = async (work: Promise<void>): Promise<void> => {
    last = Promise.allSettled([last, work]).then(() => undefined);
    await work;
  };
  return {
    apply: () => remembered(write()),
    passForward: () => remembered(pass()),
    settled: async () => void (await last),
  };
};
