/** What a fault of a registry may meet: requests of one client, and what they promise when they are answered. */
import { randomBytes } from 'node:crypto';
import { digestOf, makeImage, type MadeImage } from './images.ts';
import { collectGarbage } from './registry-collect.ts';
import type { RegistrySite } from './registry-site.ts';
import { locationOf, RefusedError } from './wire.ts';

/** An upload that the registry has begun. */
export interface BegunUpload {
  readonly location: string;
  readonly content: Buffer;
  /** Path of the blob that it will be. */
  readonly blob: string;
  /** Bytes that the registry has acknowledged. */
  taken: number;
  /** Whether its end was asked for, or answered. */
  end: 'open' | 'asked' | 'answered';
}

/** One run of an operation that a fault may meet, and that is simply run again afterwards. */
export interface RegistryAttempt {
  /** Rejects when the registry does not answer, or not as it should. */
  run(): Promise<void>;
  /** Everything that it changes. */
  readonly paths: ReadonlySet<string>;
  /** Uploads it has begun so far. */
  readonly uploads: readonly BegunUpload[];
}

export interface RegistryOperation {
  readonly name: string;
  prepare(site: RegistrySite): Promise<RegistryAttempt>;
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/** Requests whose promises are written down. */
export interface RegistryClient {
  blob(repository: string, content: Buffer, pieces?: number): Promise<void>;
  mount(repository: string, from: string, digest: string): Promise<void>;
  manifest(repository: string, content: Buffer, tag: string): Promise<void>;
  remove(path: string, alsoGone?: readonly string[]): Promise<void>;
  /** Collects what nobody uses; of that, `paths` are known. */
  collect(paths: readonly string[]): Promise<void>;
  /** Removes a manifest, and with it those of `tags` that name it. */
  removeManifest(path: string, tags: readonly string[]): Promise<void>;
}

const clientOf = (site: RegistrySite, paths: Set<string>, uploads: BegunUpload[]): RegistryClient => {
  const { facts } = site;
  const changing = async (
    changes: readonly (readonly [string, string | undefined])[],
    ask: () => Promise<unknown>,
  ): Promise<void> => {
    for (const [path, state] of changes) {
      paths.add(path);
      facts.begin(path, state);
    }
    await ask();
    for (const [path, state] of changes) facts.done(path, state);
  };

  const send = async (upload: BegunUpload, pieces: number): Promise<string> => {
    let at = upload.location;
    for (let piece = 0; piece < pieces; piece++) {
      const end = Math.ceil((upload.content.length * (piece + 1)) / pieces);
      const body = upload.content.subarray(upload.taken, end);
      const type = 'application/octet-stream';
      at = locationOf(await site.wire.must({ method: 'PATCH', path: at, body, type }));
      upload.taken = end;
    }
    return at;
  };

  const remove = (path: string, alsoGone: readonly string[] = []): Promise<void> =>
    changing(
      [path, ...alsoGone].map((gone) => [gone, undefined] as const),
      async () => {
        const answer = await site.wire.call({ method: 'DELETE', path });
        // What was removed without an answer is not there to be removed again.
        if (answer.status !== 202 && answer.status !== 404)
          throw new RefusedError({ method: 'DELETE', path }, answer);
      },
    );

  return {
    async blob(repository, content, pieces = 0) {
      const digest = digestOf(content);
      const blob = `/v2/${repository}/blobs/${digest}`;
      const begun = await site.wire.must({ method: 'POST', path: `/v2/${repository}/blobs/uploads/` });
      const upload: BegunUpload = { location: locationOf(begun), content, blob, taken: 0, end: 'open' };
      uploads.push(upload);
      const at = await send(upload, pieces);
      const path = `${at}${at.includes('?') ? '&' : '?'}digest=${digest}`;
      const body = content.subarray(upload.taken);
      upload.end = 'asked';
      await changing([[blob, digest]], () => site.wire.must({ method: 'PUT', path, body }));
      upload.end = 'answered';
    },
    mount: (repository, from, digest) =>
      changing([[`/v2/${repository}/blobs/${digest}`, digest]], async () => {
        const path = `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${from}`;
        const answer = await site.wire.must({ method: 'POST', path });
        if (answer.status !== 201) throw new RefusedError({ method: 'POST', path }, answer);
      }),
    manifest(repository, content, tag) {
      const digest = digestOf(content);
      const base = `/v2/${repository}/manifests`;
      const changes = [
        [`${base}/${digest}`, digest],
        [`${base}/${tag}`, digest],
      ] as const;
      const put = { method: 'PUT', path: `${base}/${tag}`, body: content, type: MANIFEST };
      return changing(changes, () => site.wire.must(put));
    },
    remove,
    collect: (gone) =>
      changing(
        gone.map((path) => [path, undefined] as const),
        () => collectGarbage(site),
      ),
    removeManifest: (path, tags) => {
      const digest = path.split('/').at(-1);
      return remove(
        path,
        tags.filter((tag) => facts.at(tag)?.has(digest)),
      );
    },
  };
};

export const attemptOf = (
  site: RegistrySite,
  run: (client: RegistryClient) => Promise<void>,
): RegistryAttempt => {
  const paths = new Set<string>();
  const uploads: BegunUpload[] = [];
  const client = clientOf(site, paths, uploads);
  return { run: () => run(client), paths, uploads };
};

export const pushImage = async (
  client: RegistryClient,
  repository: string,
  image: MadeImage,
  tag: string,
): Promise<void> => {
  for (const { blob } of image.layers) await client.blob(repository, blob);
  await client.blob(repository, image.config);
  await client.manifest(repository, image.manifest, tag);
};

/** Runs `before` without a fault, and gives back the attempt that `then` makes. */
const after =
  (
    before: (client: RegistryClient, repository: string, image: MadeImage) => Promise<void>,
    then: (client: RegistryClient, repository: string, image: MadeImage) => Promise<void>,
  ): RegistryOperation['prepare'] =>
  async (site) => {
    const repository = `point/${site.next()}`;
    const image = makeImage([9000]);
    await attemptOf(site, (client) => before(client, repository, image)).run();
    return attemptOf(site, (client) => then(client, repository, image));
  };

const nothing = (): Promise<void> => Promise.resolve();
const pushed = (client: RegistryClient, repository: string, image: MadeImage): Promise<void> =>
  pushImage(client, repository, image, 'v1');

const manifests = (repository: string): string => `/v2/${repository}/manifests`;

export const REGISTRY_OPERATIONS: readonly RegistryOperation[] = [
  {
    name: 'push of a blob',
    prepare: after(nothing, (client, repository) => client.blob(repository, randomBytes(70_000))),
  },
  {
    name: 'push in chunks',
    prepare: after(nothing, (client, repository) => client.blob(repository, randomBytes(90_000), 3)),
  },
  { name: 'push of an image', prepare: after(nothing, pushed) },
  {
    name: 'mount',
    prepare: after(pushed, async (client, repository, image) => {
      const other = `${repository}/mounted`;
      for (const digest of [...image.layers.map((layer) => layer.digest), image.id])
        await client.mount(other, repository, digest);
      await client.manifest(other, image.manifest, 'v1');
    }),
  },
  {
    name: 'retag',
    prepare: after(
      async (client, repository, image) => {
        await pushed(client, repository, image);
        await pushImage(client, repository, makeImage([3000]), 'moved');
      },
      (client, repository, image) => client.manifest(repository, image.manifest, 'moved'),
    ),
  },
  {
    name: 'deletion',
    prepare: after(
      async (client, repository, image) => {
        await pushed(client, repository, image);
        await client.manifest(repository, image.manifest, 'v2');
      },
      async (client, repository, image) => {
        const base = manifests(repository);
        await client.remove(`${base}/v1`);
        await client.remove(`${base}/${image.manifestDigest}`, [`${base}/v2`]);
        for (const { digest } of image.layers) await client.remove(`/v2/${repository}/blobs/${digest}`);
      },
    ),
  },
  {
    name: 'collection',
    prepare: async (site) => {
      const repository = `point/${site.next()}`;
      const loose = [randomBytes(3000), randomBytes(4000)];
      await attemptOf(site, async (client) => {
        await pushImage(client, repository, makeImage([9000]), 'v1');
        await pushImage(client, repository, makeImage([5000]), 'gone');
        for (const content of loose) await client.blob(repository, content);
      }).run();
      const paths = loose.map((content) => `/v2/${repository}/blobs/${digestOf(content)}`);
      return attemptOf(site, (client) => client.collect(paths));
    },
  },
];
