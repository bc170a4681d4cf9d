import { alignColumns, flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags, type RegistryCalls } from '../registry-call.ts';
import { parseRepositoryTag } from '../registry-names.ts';

/** A move of a tag. */
interface TagMove {
  readonly id: number;
  readonly atMs: number;
  readonly repository: string;
  readonly tag: string;
  readonly from?: string;
  readonly to?: string;
  readonly reason: string;
  readonly actor: string;
  readonly client?: string;
}

const PAGE = 1000;
const SHORT = 'sha256:'.length + 12;

const lineOf = (move: TagMove, noTrunc: boolean): string => {
  const shown = (digest: string | undefined): string =>
    digest === undefined ? '-' : noTrunc ? digest : digest.slice(0, SHORT);
  const client = move.client ?? '';
  return [
    String(move.id),
    new Date(move.atMs).toISOString(),
    `${move.repository}:${move.tag}`,
    shown(move.from),
    shown(move.to),
    move.reason,
    move.actor,
    noTrunc ? client : (client.split(' ')[0] ?? ''),
  ].join('\t');
};

const HEADINGS = 'ENTRY\tTIME\tTAG\tFROM\tTO\tBY\tWHO\tCLIENT';

/** Every entry, oldest first, a page at a time. */
async function* everyMove(
  registry: RegistryCalls,
  query: Readonly<Record<string, string | undefined>>,
): AsyncGenerator<TagMove> {
  let after = 0;
  for (;;) {
    const { moves } = await registry.json<{ readonly moves: readonly TagMove[] }>({
      method: 'GET',
      path: '/tag-history',
      query: { ...query, after: String(after), limit: String(PAGE) },
    });
    yield* moves;
    if (moves.length < PAGE) return;
    after = moves.at(-1)?.id ?? after;
  }
}

export const command = defineCommand({
  name: 'registry history',
  operands: '[OPTIONS] [REPOSITORY[:TAG]]',
  summary: 'Show every move of a tag: when, by whom, from what to what',
  flags: flagTable({
    ...registryFlags,
    json: {
      kind: 'bool',
      help: 'Everything, oldest first, one JSON object a line, with the hashes of the chain',
    },
    limit: { kind: 'string', help: 'Number of moves, newest first (default 100)' },
    'no-trunc': { kind: 'bool', help: 'Whole digests and clients' },
  }),
  args: [0, 1],
  async run(cli, { flags, args: [name] }) {
    const registry = await registryCalls(cli, flags);
    const query = name === undefined ? {} : { ...parseRepositoryTag(name) };
    if (flags.json) {
      for await (const move of everyMove(registry, query)) cli.out(`${JSON.stringify(move)}\n`);
      return 0;
    }
    const { moves } = await registry.json<{ readonly moves: readonly TagMove[] }>({
      method: 'GET',
      path: '/tag-history',
      query: { ...query, limit: flags.limit },
    });
    const lines = [HEADINGS, ...moves.map((move) => lineOf(move, flags['no-trunc']))];
    cli.out(`${alignColumns(lines.join('\n'))}\n`);
    return 0;
  },
});
