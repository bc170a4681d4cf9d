import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { BuildCache } from '#cache';
import { isLadeError } from '#errors';
import type { Library } from '#library';
import { asImageId, formatPlatform, sha256Of, type Platform } from '#oci';
import { scratchConfig, contextNamed } from '#plan';
import { openTree, selectFiles, type ContextDependencies, type FileTree, type NamedContext } from '#sources';
import { runCopy, type CopyOperation, type RunTools } from '#steps';
import { writeTar, type TarSource } from '#tar';
import type { BaseImage } from './base-images.ts';
import { builderErrors } from './errors.ts';
import type { BuildRequest } from './types.ts';

/** What `--build-context` names, as images that stages may start from and take files from. */
export interface NamedContexts {
  /**
   * The context of that name as an image; the reference that is meant instead, or undefined where there is none.
   *
   * @throws `BUILDER_BAD_CONTEXT`, the errors of the sources
   */
  find(name: string, platform: Platform): Promise<BaseImage | { readonly reference: string } | undefined>;
}

interface Dependencies {
  readonly request: BuildRequest;
  readonly sources: ContextDependencies;
  readonly library: Pick<Library, 'load' | 'prepare'>;
  readonly cache: BuildCache;
  readonly run: RunTools;
}

const WHOLE_TREE: CopyOperation = {
  kind: 'copy',
  origin: { kind: 'context' },
  sources: ['.'],
  inline: [],
  destination: '/',
  chown: undefined,
  chmod: undefined,
  link: true,
  parents: false,
  excludes: [],
  unpack: false,
  remotes: new Map(),
  unpackRemote: false,
};

const placeOf = (name: string) => ({ file: '--build-context', line: 1, excerpt: name });

/** All files of a tree as one layer; taken from the cache when they are what they were. */
const packTree = async (
  { run, cache, request }: Dependencies,
  name: string,
  tree: FileTree,
): Promise<BaseImage['layers']> => {
  const signal = request.signal ?? new AbortController().signal;
  const place = placeOf(name);
  const selection = await selectFiles({
    tree,
    sources: ['.'],
    literal: true,
    excludes: [],
    parents: false,
    chmod: undefined,
    place,
    signal,
  });
  const clamp = run.clampToNs === undefined ? '' : String(run.clampToNs);
  const text = JSON.stringify(['context', clamp, selection.parts]);
  const key = createHash('sha256').update(text).digest('hex');
  const known = await cache.lookup(key);
  if (known !== undefined) return known.result.layers;
  const made = await runCopy(run, { operation: WHOLE_TREE, selection, tree, below: [], place, signal });
  if (made === undefined) return [];
  const layers = [made.diffId];
  const created = new Date().toISOString();
  await cache.store({ key, aliases: [], result: { layers, own: made.diffId, size: made.size, created } });
  return layers;
};

const fromTree = async (
  dependencies: Dependencies,
  name: string,
  context: NamedContext & { readonly kind: 'directory' | 'remote' },
  platform: Platform,
): Promise<BaseImage> => {
  const signal = dependencies.request.signal ?? new AbortController().signal;
  await using opened = await openTree(dependencies.sources, context, signal).catch((error: unknown) => {
    throw isLadeError(error, 'not-found')
      ? builderErrors.badContext({ name, problem: error.message }, error)
      : error;
  });
  const layers = await packTree(dependencies, name, { ...opened.tree, label: `the build context ${name}` });
  const empty = scratchConfig(platform);
  const history = layers.map(() => ({ createdBy: `context ${name}` }));
  const id = asImageId(sha256Of(Buffer.from(layers.join(' '))));
  return { id, layers, config: { ...empty, rootfs: { diffIds: layers }, history } };
};

interface LayoutIndex {
  readonly manifests?: readonly {
    readonly digest?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
}

const NAME_ANNOTATION = 'org.opencontainers.image.ref.name';

/** The index of a layout with only what is meant in it, and without names, so that loading tags nothing. */
const chosenIndex = async (path: string, reference: string | undefined): Promise<Buffer> => {
  const problem = (text: string) => builderErrors.badContext({ name: path, problem: text });
  let index: LayoutIndex;
  try {
    index = JSON.parse(await readFile(join(path, 'index.json'), 'utf8')) as LayoutIndex;
  } catch (error) {
    throw builderErrors.badContext(
      { name: path, problem: 'it is no OCI layout: index.json cannot be read' },
      error,
    );
  }
  const manifests = index.manifests ?? [];
  const only = manifests.find(({ digest, annotations }) => {
    const named = annotations?.[NAME_ANNOTATION];
    if (reference === undefined) return manifests.length === 1 || named === 'latest';
    return digest === reference || named === reference || named?.endsWith(`:${reference}`) === true;
  });
  if (only === undefined)
    throw problem(
      reference === undefined
        ? 'the layout has several images: name one with :TAG or @DIGEST'
        : `the layout has no image ${reference}`,
    );
  const { annotations: _, ...bare } = only;
  return Buffer.from(JSON.stringify({ ...index, manifests: [bare] }));
};

async function* layoutEntries(path: string, index: Buffer): AsyncGenerator<TarSource> {
  const layout = Buffer.from('{"imageLayoutVersion":"1.0.0"}');
  yield { path: 'oci-layout', kind: 'file', content: layout };
  yield { path: 'index.json', kind: 'file', content: index };
  for (const algorithm of await readdir(join(path, 'blobs')).catch(() => [])) {
    for (const name of await readdir(join(path, 'blobs', algorithm))) {
      const file = join(path, 'blobs', algorithm, name);
      const stats = await lstat(file);
      if (!stats.isFile()) continue;
      const content = createReadStream(file) as AsyncIterable<Uint8Array>;
      yield { path: `blobs/${algorithm}/${name}`, kind: 'file', size: stats.size, content };
    }
  }
}

const fromLayout = async (
  { library, request }: Dependencies,
  name: string,
  context: NamedContext & { readonly kind: 'oci-layout' },
  platform: Platform,
): Promise<BaseImage> => {
  const index = await chosenIndex(context.path, context.reference);
  const stream = Readable.from(writeTar(layoutEntries(context.path, index)), { objectMode: false });
  const options = { platforms: [formatPlatform(platform)], signal: request.signal };
  const [loaded] = await library.load(stream, undefined, options);
  if (loaded === undefined)
    throw builderErrors.badContext({
      name,
      problem: `the layout has nothing for ${formatPlatform(platform)}`,
    });
  const { id, config } = await library.prepare(loaded.id, { signal: request.signal });
  return { id, config, layers: config.rootfs.diffIds };
};

/** Opens contexts when a build first asks for them, each once. */
export const createNamedContexts = (dependencies: Dependencies): NamedContexts => {
  const contexts = dependencies.request.contexts ?? {};
  const known = new Map<string, Promise<BaseImage>>();
  const open = (name: string, context: NamedContext, platform: Platform): Promise<BaseImage> => {
    if (context.kind === 'oci-layout') return fromLayout(dependencies, name, context, platform);
    if (context.kind === 'directory' || context.kind === 'remote')
      return fromTree(dependencies, name, context, platform);
    const problem = 'the stage that it names is not in the Dockerfile';
    return Promise.reject(builderErrors.badContext({ name, problem }));
  };
  return {
    find: async (name, platform) => {
      const context = contextNamed(contexts, name, formatPlatform(platform));
      if (context === undefined) return undefined;
      if (context.kind === 'image') return { reference: context.reference };
      const key = JSON.stringify([context, formatPlatform(platform)]);
      const found = known.get(key) ?? open(name, context, platform);
      known.set(key, found);
      return await found;
    },
  };
};
