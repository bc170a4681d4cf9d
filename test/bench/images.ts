/** `npm run bench -- images [PART …]`: images beside docker, podman, skopeo and the machine's limit. */
import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { createRoots } from './images/peers.ts';
import { serveTypical } from './images/fixture.ts';
import type { Measure } from './images/bench.ts';
import { printTable, type BenchRow } from './table.ts';

/** Files of `images/`, each with `rows`. */
const PARTS = ['pull', 'push', 'save-load', 'list', 'memory', 'removal', 'commit'];
const ROUNDS = 3;

const measureOf = async (part: string): Promise<Measure | undefined> => {
  const file = join(import.meta.dirname, 'images', `${part}.ts`);
  if (!existsSync(file)) return undefined;
  const { rows } = (await import(file)) as { readonly rows: Measure };
  return rows;
};

const wanted = process.argv.slice(3);
const rounds = Number(process.env['LADE_BENCH_ROUNDS'] ?? ROUNDS);
using roots = createRoots();
await using fixture = await serveTypical(roots.next().path);
const before = loadavg();
const table: BenchRow[] = [];
for (const part of wanted.length === 0 ? PARTS : wanted) {
  const measure = await measureOf(part);
  if (measure === undefined) {
    console.error(`bench: there is no part ${part}`);
    continue;
  }
  console.error(`bench: ${part}`);
  table.push(...(await measure({ fixture, rounds })));
}
printTable(table, before);
