/**
 * The corpus: Dockerfiles as people write them, each built by Lade and by a second builder; file systems and
 * configurations are compared entry by entry, and Lade's image is run. test/dockerfiles/differences.json has every
 * difference that is allowed, docs/builder-differences.md explains them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAllowed } from './support/corpus/allowed.ts';
import { BASES, baseLayout, missingForBases } from './support/corpus/bases.ts';
import {
  createBuilders,
  ladeBuilder,
  whyNoBuilder,
  type BuilderName,
  type BuilderOptions,
  type CorpusBuilder,
} from './support/corpus/builders.ts';
import { makeContext, ownDockerfile, readCases, type CorpusCase } from './support/corpus/case.ts';
import { compareImages, describeDifference, type Difference } from './support/corpus/compare.ts';
import { readDiskTree } from './support/corpus/disk-tree.ts';
import { createImageReader, type FetchedImage } from './support/corpus/fetch-image.ts';
import { startOrigins, type Origins } from './support/corpus/origins.ts';
import { startDockerRegistry } from './support/docker-registry.ts';
import { project, startMachine, type Machine } from './support/lade.ts';
import { mustRun } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const cases = readCases();
const allowed = readAllowed();
const stack = new AsyncDisposableStack();
const scratch = createScratch();
stack.defer(() => scratch[Symbol.dispose]());

let machine: Machine;
let registry: string;
let lade: CorpusBuilder;
let second: ReturnType<typeof createBuilders>;
let origins: Origins;
let readImage: ReturnType<typeof createImageReader>;
const noBases = await missingForBases();
const missing = new Map<BuilderName, string>();
for (const name of ['buildkit', 'legacy', 'buildah'] as const) {
  const why = await whyNoBuilder(name);
  if (why !== undefined) missing.set(name, why);
}
let compared = 0;

beforeAll(async () => {
  if (noBases !== undefined) return;
  const layout = await baseLayout();
  registry = stack.use(await startDockerRegistry(scratch, 'registry')).address;
  for (const base of BASES)
    await mustRun('skopeo', [
      'copy',
      '-q',
      '--dest-tls-verify=false',
      `oci:${layout}:${base}`,
      `docker://${registry}/corpus/${base}`,
    ]);
  const options: BuilderOptions = { scratch, registry, stack };
  machine = stack.use(await startMachine(scratch));
  lade = await ladeBuilder(machine, registry);
  second = createBuilders(options);
  readImage = createImageReader(registry);
  origins = stack.use(await startOrigins(scratch));
}, 400_000);

afterAll(() => stack.disposeAsync(), 120_000);

/** Builds a case's images and puts them into the registry. */
const build = async (
  what: CorpusCase,
  name: 'lade' | BuilderName,
  { context, addresses }: { readonly context: string; readonly addresses: readonly string[] },
): Promise<FetchedImage> => {
  const builder = name === 'lade' ? lade : await second(name);
  const args = [...what.args, ...(what.argsOf[name] ?? []), ...addresses];
  for (const [image, dockerfile] of Object.entries(what.parents))
    await builder.build({ context, dockerfile, image, args: [] });
  const dockerfile = ownDockerfile(what, name) ?? 'Dockerfile';
  const image = `case/${what.name}`;
  await builder.build({ context, dockerfile, image, args });
  await builder.push(image, `${registry}/${image}:${name}`);
  return await readImage(image, name);
};

const waitForAnswer = async (url: string): Promise<string> => {
  for (let left = 100; ; left--) {
    try {
      return await (await fetch(url)).text();
    } catch (error) {
      if (left === 0) throw error;
      await sleep(100);
    }
  }
};

const answerOf = async ({ name, answer }: CorpusCase): Promise<string> => {
  const image = `case/${name}`;
  if ('run' in answer)
    return (await machine.lade('run', '--rm', ...answer.options, image, ...answer.run)).stdout;
  const run = ['run', '-d', '--name', name, '-p', `127.0.0.1:0:${answer.port}`, image];
  await machine.lade(...run);
  try {
    const address = (await machine.lade('port', name, String(answer.port))).stdout.trim().split('\n')[0];
    return await waitForAnswer(`http://${address}${answer.path}`);
  } finally {
    await machine.lade('rm', '-f', name);
  }
};

const idOf = async ({ name }: CorpusCase): Promise<string> =>
  (await machine.lade('inspect', '-f', '{{.Id}}', `case/${name}`)).stdout.trim();

/** What docker's own command line gets for the same, sent as an archive: everything is cached, so the same image. */
const idByApi = async (what: CorpusCase, addresses: readonly string[]): Promise<string> => {
  const args = [...what.args, ...(what.argsOf.lade ?? []), ...addresses, '.'];
  const result = await machine.tryDocker(['build', '-q', ...args], {
    cwd: scratch.join(`${what.name}-lade`),
  });
  return result.stdout.trim() || result.stderr;
};

const isVolatile = ({ volatile }: CorpusCase, { at, field }: Difference): boolean =>
  ['content', 'size'].includes(field) &&
  Object.keys(volatile).some((pattern) => new RegExp(`^(?:${pattern})$`).test(at));

describe.skipIf(noBases !== undefined)(`corpus (needs ${noBases ?? 'what is here'})`, () => {
  describe.each(cases)('$name: $feature', (what) => {
    const builders = what.builders.filter((name) => !missing.has(name));
    const reasons = what.builders.map((name) => missing.get(name)).filter((why) => why !== undefined);
    test('is as others build it, and answers', async ({ skip }) => {
      if (builders.length === 0) skip(reasons.join('; '));
      const addresses = what.served ? await origins.serve(what) : [];
      const images = new Map<string, FetchedImage>();
      const buildOne = async (name: 'lade' | BuilderName): Promise<void> => {
        const context = scratch.join(`${what.name}-${name}`);
        await makeContext(what, context);
        images.set(name, await build(what, name, { context, addresses }));
      };
      const [first, ...others] = builders;
      if (first === undefined) return;
      await Promise.all([buildOne('lade'), buildOne(first)]);
      for (const other of others) await buildOne(other);
      const mine = images.get('lade')!;
      const wrong = builders.flatMap((name) => {
        const differences = compareImages(mine, images.get(name)!, {
          latest: BigInt(Date.parse(mine.config.created)) * 1_000_000n,
          // Only BuildKit writes what Lade writes, and only of the same Dockerfile.
          history: name === 'buildkit' && ownDockerfile(what, name) === undefined,
        });
        compared++;
        return differences
          .filter((difference) => !isVolatile(what, difference))
          .filter((difference) => !allowed.allows(name, what.name, difference))
          .map((difference) => `${name}: ${describeDifference(difference)}`);
      });
      expect(wrong).toEqual([]);
      expect(await answerOf(what)).toBe(what.answer.output);
      if (what.notByApi === undefined) expect(await idByApi(what, addresses)).toBe(await idOf(what));
    }, 300_000);
  });

  test('file systems are read as umoci unpacks them', async () => {
    const name = 'whiteouts';
    const what = cases.find((each) => each.name === name);
    if (what === undefined) throw new Error(`there is no ${name}`);
    const context = scratch.join('for-umoci');
    await makeContext(what, context);
    const { config, tree } = await build(what, 'lade', { context, addresses: [] });
    const layout = `oci:${scratch.join('layout')}:${name}`;
    const source = `docker://${registry}/case/${name}:lade`;
    await mustRun('skopeo', ['copy', '-q', '--src-tls-verify=false', source, layout]);
    const unpacked = scratch.join('unpacked');
    const image = `${scratch.join('layout')}:${name}`;
    await mustRun('umoci', ['raw', 'unpack', '--image', image, unpacked]);
    const other = { config, layers: [], tree: readDiskTree(unpacked) };
    const differences = compareImages({ config, layers: [], tree }, other, {
      latest: 1n << 80n,
      history: false,
    });
    // The root is in no layer that all tools read alike.
    expect(differences.filter(({ at }) => at !== '/').map(describeDifference)).toEqual([]);
    expect(tree.size).toBeGreaterThan(100);
  });

  test('there are at least forty, each with a feature that no other has', () => {
    expect(cases.length).toBeGreaterThanOrEqual(40);
    expect(new Set(cases.map(({ feature }) => feature)).size).toBe(cases.length);
  });

  test('the documentation names every known difference and every equivalent Dockerfile', () => {
    const page = readFileSync(join(project, 'docs', 'builder-differences.md'), 'utf8');
    const lines = [
      ...allowed.rules.map(({ id, reason }) => ({ start: `| \`${id}\` |`, end: `| ${reason} |` })),
      ...cases
        .filter((what) => what.builders.some((name) => ownDockerfile(what, name) !== undefined))
        .map(({ name, equivalent }) => ({ start: `| ${name} |`, end: `| ${equivalent} |` })),
    ];
    const missing = lines.filter(
      ({ start, end }) => !page.split('\n').some((line) => line.startsWith(start) && line.endsWith(end)),
    );
    expect(missing).toEqual([]);
  });

  test('every allowed difference was met', ({ skip }) => {
    if (missing.size > 0) skip(Array.from(missing.values()).join('; '));
    const stale = allowed.rules.filter((rule) => !allowed.met(rule)).map(({ id }) => id);
    expect(stale).toEqual([]);
    console.log(
      `${cases.length} Dockerfiles, ${compared} comparisons, ${allowed.rules.length} known differences`,
    );
  });
});
