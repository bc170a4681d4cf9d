/** `npm run bench -- registry [PART …]`: Lade's registry beside Debian's docker-registry. */
import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { createRoots } from './images/peers.ts';
import type { Measure } from './registry/bench.ts';
import { printTable, type BenchRow } from './table.ts';

/** Files of `registry/`, each with `rows`. */
const PARTS = ['manifests', 'small-blobs', 'large-blobs', 'pushes', 'collection', 'lists', 'memory'];
const ROUNDS = 3;

const measureOf = async (part: string): Promise<Measure | undefined> => {
  const file = join(import.meta.dirname, 'registry', `${part}.ts`);
  if (!existsSync(file)) return undefined;
  const { rows } = (await import(file)) as { readonly rows: Measure };
  return rows;
};

const wanted = process.argv.slice(3);
const rounds = Number(process.env['LADE_BENCH_ROUNDS'] ?? ROUNDS);
/** `0`: nobody but Lade. */
const alone = process.env['LADE_BENCH_PEERS'] === '0';
const before = loadavg();
const table: BenchRow[] = [];
for (const part of wanted.length === 0 ? PARTS : wanted) {
  const measure = await measureOf(part);
  if (measure === undefined) {
    console.error(`bench: there is no part ${part}; there are: ${PARTS.join(', ')}`);
    continue;
  }
  console.error(`bench: ${part}`);
  using roots = createRoots();
  table.push(...(await measure({ roots, rounds, alone })));
}
printTable(table, before);
