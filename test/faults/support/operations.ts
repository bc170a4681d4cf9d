import { randomBytes } from 'node:crypto';
import type { Answer } from './api.ts';
import { archiveOf, digestOf, hexOf, makeImage, tarOf, type MadeImage } from './images.ts';
import type { Fault } from './registry.ts';
import type { Site } from './site.ts';

/** One run of an operation that a fault may meet, and that is simply run again afterwards. */
export interface Attempt {
  run(call: Site['call']): Promise<Answer>;
  /** Tags that exist once it has succeeded, with the image where that is known. */
  readonly makes: ReadonlyMap<string, string | undefined>;
  /** Tags that are gone once it has succeeded. */
  readonly removes: readonly string[];
  /** Images that are gone once it has succeeded. */
  readonly deletes: readonly string[];
  /** Names in ingest/ that may wait for the next attempt: downloads that can be resumed. */
  readonly resumable: ReadonlySet<string>;
}

export interface Operation {
  readonly name: string;
  prepare(site: Site): Promise<Attempt>;
}

const attempt = (run: Attempt['run'], more: Partial<Attempt>): Attempt => ({
  run,
  makes: new Map(),
  removes: [],
  deletes: [],
  resumable: new Set(),
  ...more,
});

const ingestName = (digest: string): string => hexOf(Buffer.from(`download ${digest}`));

/** A pull of this image from the registry, which meets requests with `fault` first. */
export const pullOf = (site: Site, image: MadeImage, fault?: Fault): Attempt => {
  const name = `pulled/${site.next()}`;
  site.registry.offer(name, image, fault);
  const tag = `${site.registry.address}/${name}:1`;
  const path = `/images/create?fromImage=${encodeURIComponent(tag)}`;
  const contents = [digestOf(image.config), ...image.layers.map(({ digest }) => digest)];
  return attempt((call) => call({ path }), {
    makes: new Map([[tag, image.id]]),
    resumable: new Set(contents.map(ingestName)),
  });
};

/** Blobs from 1 MiB on are unpacked while they arrive. */
export const FOLLOWED = 1_100_000;

const loadOf =
  (archive: Buffer): Attempt['run'] =>
  (call) =>
    call({ path: '/images/load', body: archive });

const load: Operation = {
  name: 'load',
  async prepare(site) {
    const tag = `loaded/${site.next()}:1`;
    const image = makeImage([100_000, 5000]);
    return attempt(loadOf(archiveOf(image, tag)), { makes: new Map([[tag, image.id]]) });
  },
};

const build: Operation = {
  name: 'build',
  async prepare(site) {
    const tag = `built/${site.next()}:1`;
    const body = tarOf({
      Dockerfile: `FROM keep/one:1\nCOPY one /one\nCOPY two /two\nLABEL n=${tag}\n`,
      one: randomBytes(60_000),
      two: randomBytes(2000),
    });
    return attempt((call) => call({ path: `/build?t=${tag}`, body }), {
      makes: new Map([[tag, undefined]]),
    });
  },
};

const commit: Operation = {
  name: 'commit',
  async prepare(site) {
    const repository = `committed/${site.next()}`;
    const body = tarOf({ changed: randomBytes(30_000) });
    await site.must({ method: 'PUT', path: `/containers/${site.container}/archive?path=/`, body });
    const path = `/commit?container=${site.container}&repo=${repository}&tag=1`;
    const makes = new Map([[`${repository}:1`, undefined]]);
    return attempt((call) => call({ path, body: '{}', type: 'application/json' }), { makes });
  },
};

const tag: Operation = {
  name: 'tag',
  async prepare(site) {
    const repository = `tagged/${site.next()}`;
    const path = `/images/keep/one:1/tag?repo=${repository}&tag=1`;
    return attempt((call) => call({ path }), {
      makes: new Map([[`${repository}:1`, site.committed.get('keep/one:1')]]),
    });
  },
};

const rmi: Operation = {
  name: 'rmi',
  async prepare(site) {
    const name = `removed/${site.next()}:1`;
    const image = makeImage([50_000, 2000]);
    await site.must({ path: '/images/load', body: archiveOf(image, name) });
    return attempt((call) => call({ method: 'DELETE', path: `/images/${name}` }), {
      removes: [name],
      deletes: [image.id],
    });
  },
};

const prune: Operation = {
  name: 'prune',
  async prepare(site) {
    const images = [makeImage([30_000, 1000]), makeImage([20_000])];
    for (const image of images) await loadOf(archiveOf(image))(site.call);
    return attempt((call) => call({ path: '/images/prune' }), { deletes: images.map(({ id }) => id) });
  },
};

const pull: Operation = {
  name: 'pull',
  prepare: async (site) => pullOf(site, makeImage([20_000, FOLLOWED, 500])),
};

/** Everything that changes which images there are. */
export const OPERATIONS: readonly Operation[] = [pull, load, build, commit, tag, rmi, prune];
