/** `npm run bench -- build [PART …]`: builds beside BuildKit, the legacy builder and buildah. */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { busyboxArchive, project } from '../support/lade.ts';
import { mustRun } from '../support/process.ts';
import { createRoots } from './images/peers.ts';
import { startBuilders, startLade } from './build/builders.ts';
import { largeContext, metadataContext, shopContext, stagesContext } from './build/contexts.ts';
import { measureRow, type BuildRow } from './build/row.ts';
import { printWhere } from './build/where.ts';
import { printTable, type BenchRow } from './table.ts';

const ROUNDS = 5;
const WHERE_ROUNDS = 3;

/** What is measured on one context. */
interface Part {
  /** The base image, by the archive it is made of. */
  readonly base: 'bench/busybox' | 'bench/debian-node';
  rows(folder: string): readonly BuildRow[];
}

const SHOP = 'express-shop, vendored modules';
const LARGE = '20,000 files, 345 MB';

const PARTS: Readonly<Record<string, Part>> = {
  shop: {
    base: 'bench/debian-node',
    rows(folder) {
      const context = shopContext(folder);
      return [
        { what: `${SHOP}, no cache`, start: 'cold', context, goal: 0.6, afresh: true },
        { what: `${SHOP}, fully cached`, start: 'cached', context, goal: 0.5 },
        { what: `${SHOP}, one source file touched`, start: 'touched', context, goal: 0.4 },
      ];
    },
  },
  large: {
    base: 'bench/busybox',
    rows(folder) {
      const context = largeContext(folder);
      return [
        { what: `${LARGE}, cold`, start: 'cold', context, goal: 0.5, afresh: true },
        { what: `${LARGE}, fully cached`, start: 'cached', context, goal: 0.5 },
        { what: `${LARGE}, one small file touched`, start: 'touched', context, goal: 0.2 },
      ];
    },
  },
  stages: {
    base: 'bench/busybox',
    rows: (folder) => {
      const context = stagesContext(folder);
      return [{ what: '8 stages, each sleep 1', start: 'cold', context, goal: 2_500, absolute: true }];
    },
  },
  metadata: {
    base: 'bench/busybox',
    rows: (folder) => {
      const context = metadataContext(folder);
      return [{ what: '60 instructions of metadata and small COPYs', start: 'cold', context, goal: 0.3 }];
    },
  },
};

/** Debian with Node, made once for this machine and kept in the project's cache. */
const debianArchive = async (): Promise<string> => {
  const cache = process.env['LADE_BENCH_CACHE'] ?? join(project, '.cache');
  const made = join(cache, 'debian-node.tar');
  if (existsSync(made)) return made;
  mkdirSync(cache, { recursive: true });
  const packages = '--include=nodejs,npm,ca-certificates,procps';
  await mustRun('mmdebstrap', ['--quiet', '--variant=minbase', packages, 'bookworm', `${made}.part.tar`], {
    timeoutMs: 300_000,
  });
  copyFileSync(`${made}.part.tar`, made);
  return made;
};

const names = process.argv.slice(3);
const wanted = (names.length === 0 ? Object.keys(PARTS) : names).flatMap((name) => {
  const part = PARTS[name];
  if (part === undefined)
    console.error(`bench: there is no part ${name}; there are: ${Object.keys(PARTS).join(', ')}`);
  return part === undefined ? [] : [part];
});
const rounds = Number(process.env['LADE_BENCH_ROUNDS'] ?? ROUNDS);
/** `0`: nobody but Lade; `buildkit`: only the one that the goals are about. */
const peers = process.env['LADE_BENCH_PEERS'];
using roots = createRoots();
await using stack = new AsyncDisposableStack();
const all =
  peers === '0' ? [stack.use(await startLade(roots.next()))] : await startBuilders(() => roots.next(), stack);
const builders = peers === 'buildkit' ? all.filter(({ slow }) => !slow) : all;
const telling = stack.use(await startLade(roots.next(), 'debug'));
const archives = {
  'bench/busybox': () => busyboxArchive(roots.next()),
  'bench/debian-node': debianArchive,
};
for (const base of new Set(wanted.map((part) => part.base))) {
  const archive = await archives[base]();
  // The legacy builder shares its images with BuildKit.
  for (const builder of [...builders, telling])
    if (builder.name !== 'legacy builder') await builder.import(archive, base);
}
const before = loadavg();
const table: BenchRow[] = [];
const where: (() => Promise<void>)[] = [];
for (const part of wanted) {
  const rows = part.rows(roots.next().path);
  for (const row of rows) {
    table.push(await measureRow(row, builders, rounds));
    where.push(() => printWhere(telling, row, WHERE_ROUNDS));
  }
}
printTable(table, before);
for (const print of where) await print();
