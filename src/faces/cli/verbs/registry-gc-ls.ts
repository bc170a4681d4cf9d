import { alignColumns, binarySize, flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { itemLine, type KeepingItem } from '../registry-keeping.ts';

interface Removal {
  readonly id: string;
  readonly kind: string;
  readonly actor: string;
  readonly startedMs: number;
  readonly finishedMs?: number;
  readonly undoneMs?: number;
  readonly undoableUntilMs?: number;
  readonly totals: {
    readonly manifests: number;
    readonly tags: number;
    readonly links: number;
    readonly bytes: number;
  };
}

const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

const stateOf = ({ finishedMs, undoneMs, undoableUntilMs }: Removal): string => {
  if (undoneMs !== undefined) return 'undone';
  if (finishedMs === undefined) return 'unfinished';
  return undoableUntilMs === undefined ? 'purged' : `until ${time(undoableUntilMs)}`;
};

const lineOf = (removal: Removal): string => {
  const { tags, manifests, links, bytes } = removal.totals;
  return [
    removal.id,
    time(removal.startedMs),
    removal.kind,
    removal.actor,
    tags,
    manifests,
    links,
    binarySize(bytes),
    stateOf(removal),
  ].join('\t');
};

const HEADINGS = 'REMOVAL\tTIME\tKIND\tWHO\tTAGS\tMANIFESTS\tBLOBS\tSIZE\tUNDO';
const PAGE = 1000;

export const command = defineCommand({
  name: 'registry gc ls',
  operands: '[OPTIONS] [REMOVAL]',
  summary: 'List what was removed and until when it can be brought back, or everything that one removal took',
  flags: flagTable({
    ...registryFlags,
    all: { kind: 'bool', short: 'a', help: 'Also what clients deleted' },
    json: { kind: 'bool', help: 'One JSON object a line' },
  }),
  args: [0, 1],
  async run(cli, { flags, args: [id] }) {
    const registry = await registryCalls(cli, flags);
    if (id !== undefined) {
      const path = `/gc/removals/${encodeURIComponent(id)}/items`;
      for (let offset = 0; ; offset += PAGE) {
        const { items } = await registry.json<{ readonly items: readonly KeepingItem[] }>({
          method: 'GET',
          path,
          query: { offset: String(offset), limit: String(PAGE) },
        });
        for (const item of items) cli.out(`${flags.json ? JSON.stringify(item) : itemLine(item)}\n`);
        if (items.length < PAGE) return 0;
      }
    }
    const { removals, held } = await registry.json<{
      readonly removals: readonly Removal[];
      readonly held: { readonly blobs: number; readonly bytes: number };
    }>({ method: 'GET', path: '/gc/removals', query: { deletes: flags.all ? '1' : undefined } });
    if (flags.json) {
      for (const removal of removals) cli.out(`${JSON.stringify(removal)}\n`);
      return 0;
    }
    cli.out(`${alignColumns([HEADINGS, ...removals.map(lineOf)].join('\n'))}\n`);
    cli.out(`undo holds ${held.blobs} blobs, ${binarySize(held.bytes)}\n`);
    return 0;
  },
});
