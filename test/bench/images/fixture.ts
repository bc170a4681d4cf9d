import { createHash } from 'node:crypto';
import { createReadStream, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { project } from '../../support/lade.ts';
import { mustRun } from '../../support/process.ts';
import { startBenchRegistry, type BenchRegistry } from './registry.ts';

const MB = 1_000_000;

/** An image to make of this machine's files: one layer for each number. */
interface Recipe {
  readonly name: string;
  /** Megabytes of files in each layer, lowest first. */
  readonly layers: readonly number[];
  /** Of gzip. */
  readonly level: number;
}

/** 364 MB in 14 layers, spread as images are: a base, packages, then smaller and smaller changes. */
const TYPICAL: Recipe = {
  name: 'typical',
  layers: [118, 84, 52, 35, 26, 18, 12, 8, 5, 3, 1.5, 1, 0.4, 0.1],
  level: 6,
};

/** 2 GB in 16 equal layers. */
const LARGE: Recipe = { name: 'large', layers: Array.from({ length: 16 }, () => 125), level: 1 };

/** Where the files come from, in this order; a larger image goes on where a smaller one stops. */
const SOURCES = ['/usr/bin', '/usr/lib', '/usr/share', '/usr/local', '/usr/include', '/usr/sbin'];
/** Single files beyond this would make layers of one file. */
const MOST_BYTES = 30 * MB;
/** A layer may be this much larger than wanted. */
const SPARE_BYTES = 100_000;

/** All regular files and links below a directory, in the order of their names. */
function* filesBelow(path: string): Generator<string, void, undefined> {
  const names = readdirSync(path, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of names) {
    const full = join(path, entry.name);
    if (entry.isDirectory()) yield* filesBelow(full);
    else if (entry.isFile() || entry.isSymbolicLink()) yield full;
  }
}

const allFiles = function* (): Generator<string, void, undefined> {
  for (;;) for (const source of SOURCES) if (existsSync(source)) yield* filesBelow(source);
};

const shaOf = async (path: string): Promise<string> => {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
};

interface MadeLayer {
  readonly tarHex: string;
  readonly blobHex: string;
  readonly size: number;
}

/** Files of this machine as a tar; their names begin with `prefix`. */
const writeTar = async (tar: string, prefix: string, files: readonly string[]): Promise<void> => {
  const list = files.map((path) => path.slice(1)).join('\0');
  const fixed = ['--sort=name', '--mtime=@1700000000', '--owner=0', '--group=0', '--numeric-owner'];
  const rename = `--transform=s,^usr,${prefix}/usr,S`;
  const input = ['--null', '--no-recursion', '-T', '-', '-cf', tar];
  await mustRun('tar', ['-C', '/', ...fixed, '--hard-dereference', rename, ...input], { input: list });
};

const makeLayer = async (
  directory: string,
  files: readonly string[],
  { number, level }: { number: number; level: number },
): Promise<MadeLayer> => {
  const tar = join(directory, 'layer.tar');
  await writeTar(tar, `layer${number}`, files);
  const tarHex = await shaOf(tar);
  await mustRun('gzip', ['-n', '-f', `-${level}`, tar], { timeoutMs: 300_000 });
  const blobHex = await shaOf(`${tar}.gz`);
  const blob = join(directory, 'blobs', 'sha256', blobHex);
  renameSync(`${tar}.gz`, blob);
  return { tarHex, blobHex, size: statSync(blob).size };
};

const filesFor = (files: Iterator<string>, bytes: number): string[] => {
  const chosen: string[] = [];
  for (let total = 0; total < bytes;) {
    const next = files.next();
    if (next.done === true) break;
    const { size } = lstatSync(next.value);
    // A header and the filling are part of the layer.
    const stored = 512 + Math.ceil(size / 512) * 512;
    const fits = size <= MOST_BYTES && total + stored <= bytes + SPARE_BYTES;
    if (!fits || next.value.includes('\n')) continue;
    chosen.push(next.value);
    total += stored;
  }
  return chosen;
};

/** Writes a tar of about so many bytes of this machine's files. */
export const archiveFiles = (path: string, bytes: number): Promise<void> =>
  writeTar(path, 'local', filesFor(allFiles(), bytes));

const putJson = (directory: string, value: unknown): { digest: string; size: number } => {
  const text = JSON.stringify(value);
  const hex = createHash('sha256').update(text).digest('hex');
  writeFileSync(join(directory, 'blobs', 'sha256', hex), text);
  return { digest: `sha256:${hex}`, size: Buffer.byteLength(text) };
};

const finishLayout = (directory: string, layers: readonly MadeLayer[]): void => {
  const config = putJson(directory, {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created: '2024-01-01T00:00:00Z',
    config: { Cmd: ['/bin/true'] },
    rootfs: { type: 'layers', diff_ids: layers.map(({ tarHex }) => `sha256:${tarHex}`) },
    history: layers.map((_layer, index) => ({
      created_by: `layer ${index}`,
      created: '2024-01-01T00:00:00Z',
    })),
  });
  const manifest = putJson(directory, {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: layers.map(({ blobHex, size }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: `sha256:${blobHex}`,
      size,
    })),
  });
  const name = { 'org.opencontainers.image.ref.name': 'image' };
  const manifests = [
    { mediaType: 'application/vnd.oci.image.manifest.v1+json', ...manifest, annotations: name },
  ];
  writeFileSync(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
};

/** The layout of a recipe, made once for this machine and kept in the project's cache. */
const layoutOf = async (recipe: Recipe): Promise<string> => {
  const cache = process.env['LADE_BENCH_CACHE'] ?? join(project, '.cache');
  const made = join(cache, `bench-${recipe.name}`);
  if (existsSync(made)) return made;
  console.error(`bench: making the image "${recipe.name}" of this machine's files (once)`);
  const directory = `${made}.new`;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(join(directory, 'blobs', 'sha256'), { recursive: true });
  const files = allFiles();
  const layers: MadeLayer[] = [];
  for (const [number, megabytes] of recipe.layers.entries())
    layers.push(await makeLayer(directory, filesFor(files, megabytes * MB), { number, level: recipe.level }));
  finishLayout(directory, layers);
  renameSync(directory, made);
  return made;
};

/** An image in a registry of the benchmark's own. */
export interface Fixture extends AsyncDisposable {
  /** OCI layout; its image is called `image`. */
  readonly layout: string;
  readonly registry: BenchRegistry;
  /** Where the registry has it: `127.0.0.1:PORT/bench/NAME:1`. */
  readonly reference: string;
  /** Files of the compressed layers, lowest first. */
  readonly blobs: readonly string[];
}

const layerBlobs = async (layout: string): Promise<readonly string[]> => {
  const { stdout } = await mustRun('skopeo', ['inspect', '--raw', `oci:${layout}:image`]);
  const { layers } = JSON.parse(stdout) as { layers: readonly { digest: string }[] };
  return layers.map(({ digest }) => join(layout, 'blobs', 'sha256', digest.slice('sha256:'.length)));
};

const serve = async (recipe: Recipe, directory: string): Promise<Fixture> => {
  const layout = await layoutOf(recipe);
  const registry = await startBenchRegistry(directory);
  const reference = `${registry.host}/bench/${recipe.name}:1`;
  const plain = ['--dest-tls-verify=false', '-q'];
  await mustRun('skopeo', ['copy', ...plain, `oci:${layout}:image`, `docker://${reference}`]);
  return {
    layout,
    registry,
    reference,
    blobs: await layerBlobs(layout),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
};

/** 364 MB in 14 layers, served from `directory`. */
export const serveTypical = (directory: string): Promise<Fixture> => serve(TYPICAL, directory);

/** 2 GB in 16 layers. */
export const serveLarge = (directory: string): Promise<Fixture> => serve(LARGE, directory);
