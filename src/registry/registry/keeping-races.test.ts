import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { digestBy, startWireRegistry, type WireRegistry } from './testing.ts';

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const WINDOW_MS = 60_000;
/** Scripts; `LADE_PROPERTY_RUNS` of them in a longer hunt. */
const RUNS = Number(process.env['LADE_PROPERTY_RUNS'] ?? 40);

let wire: WireRegistry;
let round = 0;
let nowMs = Date.now();

/** In memory where there is such a place: nothing here is about power cuts. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

beforeAll(async () => {
  const options = {
    keeping: {
      uploadWindowMs: WINDOW_MS,
      undoForMs: WINDOW_MS,
      uploadIdleMs: WINDOW_MS,
      rules: [
        {
          repositories: ['**'],
          tags: [{ tags: ['t*'], lastPushed: 1 }],
          untagged: { releasedWithinMs: 10_000 },
        },
      ],
    },
  };
  wire = await startWireRegistry(options, await mkdtemp(join(PLACE, 'lade-races-')));
});
afterAll(() => wire[Symbol.asyncDispose]());
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  nowMs = Date.now();
});
afterEach(() => {
  vi.useRealTimers();
});

const advance = (ms: number): void => {
  nowMs += ms;
  vi.setSystemTime(nowMs);
};

type Way = 'head' | 'mount' | 'upload';

type Action =
  | {
      readonly kind: 'push';
      readonly repository: number;
      readonly blobs: readonly number[];
      readonly ways: readonly Way[];
      readonly target: 'keep' | 'temporary' | 'untagged';
      /** Turns of the event loop between the blobs and the manifest. */
      readonly thinks: number;
    }
  | { readonly kind: 'index'; readonly repository: number; readonly blob: number }
  | { readonly kind: 'deleteTag'; readonly repository: number }
  | { readonly kind: 'deleteManifest'; readonly repository: number }
  | { readonly kind: 'deleteBlob'; readonly repository: number; readonly blob: number }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'gc' }
  | { readonly kind: 'purge' }
  | { readonly kind: 'sweep' }
  | { readonly kind: 'undo' };

const repository = fc.nat({ max: 2 });
const blob = fc.nat({ max: 3 });
const push = fc.record({
  kind: fc.constant('push' as const),
  repository,
  blobs: fc.uniqueArray(blob, { minLength: 1, maxLength: 3 }),
  ways: fc.array(fc.constantFrom<Way>('head', 'head', 'mount', 'upload'), { minLength: 3, maxLength: 3 }),
  target: fc.constantFrom('keep' as const, 'temporary' as const, 'untagged' as const),
  thinks: fc.nat({ max: 60 }),
});
const action: fc.Arbitrary<Action> = fc.oneof(
  { arbitrary: push, weight: 6 },
  { arbitrary: fc.record({ kind: fc.constant('index' as const), repository, blob }), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constant('deleteTag' as const), repository }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constant('deleteManifest' as const), repository }), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constant('deleteBlob' as const), repository, blob }), weight: 1 },
  {
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      ms: fc.constantFrom(1000, 11_000, 35_000, 61_000),
    }),
    weight: 4,
  },
  { arbitrary: fc.constant({ kind: 'gc' as const }), weight: 6 },
  { arbitrary: fc.constant({ kind: 'purge' as const }), weight: 2 },
  { arbitrary: fc.constant({ kind: 'sweep' as const }), weight: 1 },
  { arbitrary: fc.constant({ kind: 'undo' as const }), weight: 1 },
);

/** Blobs that uploads which never ended left long ago. */
const leftovers = fc.uniqueArray(fc.tuple(repository, blob), {
  maxLength: 12,
  selector: ([at, one]) => `${at} ${one}`,
});

/** Several clients at once; each does one thing after the other, with pauses in between. */
const script = fc.array(fc.array(fc.tuple(fc.nat({ max: 6 }), action), { minLength: 2, maxLength: 5 }), {
  minLength: 3,
  maxLength: 5,
});

/** What one property's run knows. */
interface World {
  readonly name: (repository: number) => string;
  readonly content: (blob: number) => string;
  /** How often clients deleted a blob of a repository: that breaks every promise. */
  readonly deletions: Map<string, number>;
}

const digestOfBlob = (world: World, blob: number): string => digestBy('sha256', world.content(blob));

const pause = async (ticks: number): Promise<void> => {
  for (let i = 0; i < ticks; i += 1) await breathe();
};

const upload = async (name: string, content: string): Promise<void> => {
  await wire.blob(name, content);
};

/** Brings one blob the way a client would; whether the registry said that it has it. */
const bring = async (world: World, place: { readonly at: number; readonly blob: number }, way: Way) => {
  const name = world.name(place.at);
  const digest = digestOfBlob(world, place.blob);
  if (way === 'head') {
    const head = await wire.call('HEAD', `/v2/${name}/blobs/${digest}`);
    if (head.status === 200) return;
  }
  if (way === 'mount') {
    const from = world.name((place.at + 1) % 3);
    const mounted = await wire.call('POST', `/v2/${name}/blobs/uploads/?mount=${digest}&from=${from}`);
    if (mounted.status === 201) return;
  }
  await upload(name, world.content(place.blob));
};

interface Image {
  readonly digest: string;
  readonly body: string;
  readonly mediaType: string;
}

const imageOf = (world: World, actor: string, blobs: readonly number[]): Image => {
  const descriptors = blobs.map((one) => ({
    mediaType: 'application/octet-stream',
    digest: digestOfBlob(world, one),
    size: world.content(one).length,
  }));
  const [config, ...layers] = descriptors;
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_IMAGE,
    config,
    layers,
    annotations: { actor },
  });
  return { digest: digestBy('sha256', body), body, mediaType: OCI_IMAGE };
};

const put = async (name: string, reference: string, { body, mediaType }: Image) =>
  wire.call('PUT', `/v2/${name}/manifests/${reference}`, { body, headers: { 'content-type': mediaType } });

/** One client: what it pushed and where its own tag must point. */
interface Actor {
  readonly id: string;
  /** By repository: where the tag that is kept for ever points. */
  readonly kept: Map<number, string>;
  pushes: number;
}

const deletionsOf = (world: World, at: number, blobs: readonly number[]): number =>
  blobs.reduce((sum, one) => sum + (world.deletions.get(`${at} ${one}`) ?? 0), 0);

const doPush = async (world: World, actor: Actor, step: Action & { readonly kind: 'push' }) => {
  const { repository: at, blobs, ways, target } = step;
  const began = nowMs;
  const deletions = deletionsOf(world, at, blobs);
  for (const [index, one] of blobs.entries()) await bring(world, { at, blob: one }, ways[index] ?? 'upload');
  await pause(step.thinks);
  actor.pushes += 1;
  const image = imageOf(world, `${actor.id} ${actor.pushes}`, blobs);
  const tag = { keep: `k${actor.id}`, temporary: `t${actor.id}`, untagged: image.digest }[target];
  const answer = await put(world.name(at), tag, image);
  const isPromiseOver = nowMs - began >= WINDOW_MS || deletionsOf(world, at, blobs) !== deletions;
  if (!isPromiseOver) expect([answer.status, answer.text]).toEqual([201, '']);
  if (answer.status === 201 && target === 'keep') actor.kept.set(at, image.digest);
};

/** A child without a tag, asked for, then an index that lists it. */
const doIndex = async (
  world: World,
  actor: Actor,
  { repository: at, blob: one }: Action & { kind: 'index' },
) => {
  const name = world.name(at);
  await upload(name, world.content(one));
  actor.pushes += 1;
  const child = imageOf(world, `${actor.id} ${actor.pushes}`, [one]);
  if ((await put(name, child.digest, child)).status !== 201) return;
  const began = nowMs;
  const head = await wire.call('HEAD', `/v2/${name}/manifests/${child.digest}`);
  if (head.status !== 200) return;
  const manifests = [{ mediaType: OCI_IMAGE, digest: child.digest, size: child.body.length }];
  const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
  const index = { digest: digestBy('sha256', body), body, mediaType: OCI_INDEX };
  expect((await put(name, `k${actor.id}`, index)).status).toBe(201);
  actor.kept.set(at, index.digest);
  if (nowMs - began >= WINDOW_MS) return;
  expect((await wire.call('HEAD', `/v2/${name}/manifests/${child.digest}`)).status).toBe(200);
};

const cause = { actor: 'system:gc' };

const act = async (world: World, actor: Actor, step: Action): Promise<void> => {
  const { keeping } = wire.registry;
  switch (step.kind) {
    case 'push':
      return doPush(world, actor, step);
    case 'index':
      return doIndex(world, actor, step);
    case 'deleteTag': {
      await wire.call('DELETE', `/v2/${world.name(step.repository)}/manifests/k${actor.id}`);
      actor.kept.delete(step.repository);
      return;
    }
    case 'deleteManifest': {
      const digest = actor.kept.get(step.repository);
      if (digest === undefined) return;
      await wire.call('DELETE', `/v2/${world.name(step.repository)}/manifests/${digest}`);
      actor.kept.delete(step.repository);
      return;
    }
    case 'deleteBlob': {
      const key = `${step.repository} ${step.blob}`;
      world.deletions.set(key, (world.deletions.get(key) ?? 0) + 1);
      await wire.call('DELETE', `/v2/${world.name(step.repository)}/blobs/${digestOfBlob(world, step.blob)}`);
      return;
    }
    case 'advance':
      return advance(step.ms);
    case 'gc':
      await keeping.run({ cause });
      return;
    case 'purge':
      await keeping.purge({ undoForMs: 0 });
      return;
    case 'sweep':
      await keeping.sweep();
      return;
    case 'undo': {
      const [last] = keeping.removals({ limit: 1, clientDeletes: false });
      if (last?.undoableUntilMs === undefined) return;
      await keeping.undo(last.id, cause).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'METADATA_REMOVAL_GONE' });
      });
    }
  }
};

const play = async (
  world: World,
  actor: Actor,
  steps: readonly (readonly [number, Action])[],
): Promise<void> => {
  for (const [ticks, step] of steps) {
    await pause(ticks);
    await act(world, actor, step);
  }
};

/** One collection after the other. */
const collectUntil = async (isOver: () => boolean): Promise<void> => {
  while (!isOver()) {
    await wire.registry.keeping.run({ cause });
    await breathe();
  }
};

interface Manifest {
  readonly config?: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string }[];
  readonly manifests?: readonly { readonly digest: string }[];
}

/** Everything that a repository serves is whole; answers the blobs that its manifests need. */
const checkRepository = async (world: World, at: number): Promise<ReadonlySet<string>> => {
  const name = world.name(at);
  const needed = new Set<string>();
  const states = wire.storage.metadata.collection.manifestStates(name, { limit: 1000, after: '' });
  for (const { digest } of states) {
    const got = await wire.call('GET', `/v2/${name}/manifests/${digest}`);
    expect(got.status).toBe(200);
    const { config, layers = [], manifests = [] } = got.json as Manifest;
    for (const one of config === undefined ? [] : [config, ...layers]) {
      needed.add(one.digest);
      const bytes = await wire.call('GET', `/v2/${name}/blobs/${one.digest}`);
      expect([bytes.status, digestBy('sha256', bytes.body)]).toEqual([200, one.digest]);
    }
    for (const child of manifests)
      expect((await wire.call('HEAD', `/v2/${name}/manifests/${child.digest}`)).status).toBe(200);
  }
  return needed;
};

const checkEverything = async (world: World, actors: readonly Actor[]): Promise<void> => {
  for (const actor of actors)
    for (const at of [0, 1, 2]) {
      const head = await wire.call('HEAD', `/v2/${world.name(at)}/manifests/k${actor.id}`);
      expect([head.status, head.headers['docker-content-digest']]).toEqual(
        actor.kept.has(at) ? [200, actor.kept.get(at)] : [404, undefined],
      );
    }
  for (const at of [0, 1, 2]) await checkRepository(world, at);
  advance(10 * WINDOW_MS);
  await wire.registry.keeping.run({ cause });
  await wire.registry.keeping.purge({ undoForMs: 0 });
  const needed = new Set<string>();
  for (const at of [0, 1, 2]) for (const one of await checkRepository(world, at)) needed.add(one);
  for (const one of [0, 1, 2, 3]) {
    const digest = digestBy('sha256', world.content(one));
    const isThere = (await wire.storage.blobs.stat(digest)) !== undefined;
    expect([one, isThere]).toEqual([one, needed.has(digest)]);
  }
};

test('whatever happens at the same time: what was promised can be used, what is kept is whole, what nothing needs goes', async () => {
  await fc.assert(
    fc.asyncProperty(script, leftovers, async (scripts, left) => {
      round += 1;
      const id = round;
      const world: World = {
        name: (at) => `r${id}/${at}`,
        content: (one) => `content ${id} ${one}`,
        deletions: new Map(),
      };
      const actors = scripts.map((_, index): Actor => ({ id: String(index), kept: new Map(), pushes: 0 }));
      for (const [at, one] of left) await upload(world.name(at), world.content(one));
      advance(2 * WINDOW_MS);
      let isOver = false;
      const collecting = collectUntil(() => isOver);
      try {
        await Promise.all(actors.map((actor, index) => play(world, actor, scripts[index] ?? [])));
      } finally {
        isOver = true;
        await collecting;
      }
      await checkEverything(world, actors);
      for (const at of [0, 1, 2])
        for (const { digest } of wire.storage.metadata.collection.manifestStates(world.name(at), {
          limit: 1000,
          after: '',
        }))
          await wire.call('DELETE', `/v2/${world.name(at)}/manifests/${digest}`);
      expect(wire.failures).toEqual([]);
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
}, 240_000);
