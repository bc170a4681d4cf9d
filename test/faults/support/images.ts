/** Small images of random bytes, made without any of the product's own code. */
import { createHash, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';

const BLOCK = 512;

export const hexOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const digestOf = (bytes: Uint8Array): string => `sha256:${hexOf(bytes)}`;

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;

const header = (name: string, size: number): Buffer => {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0);
  block.write(
    `${octal(0o644, 8)}${octal(0, 8)}${octal(0, 8)}${octal(size, 12)}${octal(1e9, 12)}        0`,
    100,
  );
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 7)} `, 148);
  return block;
};

/** A ustar archive of plain files with names of up to 100 bytes. */
export const tarOf = (files: Readonly<Record<string, Uint8Array | string>>): Buffer => {
  const parts = Object.entries(files).flatMap(([name, content]) => {
    const bytes = Buffer.from(content);
    return [header(name, bytes.length), bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
};

export interface MadeLayer {
  readonly tar: Buffer;
  readonly diffId: string;
  readonly blob: Buffer;
  readonly digest: string;
}

export interface MadeImage {
  readonly id: string;
  readonly config: Buffer;
  readonly layers: readonly MadeLayer[];
  readonly manifest: Buffer;
  readonly manifestDigest: string;
}

const makeLayer = (name: string, bytes: number): MadeLayer => {
  const tar = tarOf({ [name]: randomBytes(bytes) });
  const blob = gzipSync(tar, { level: 1 });
  return { tar, diffId: digestOf(tar), blob, digest: digestOf(blob) };
};

const manifestOf = (config: Buffer, layers: readonly MadeLayer[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: digestOf(config),
        size: config.length,
      },
      layers: layers.map(({ digest, blob }) => ({
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        digest,
        size: blob.length,
      })),
    }),
  );

/** An image with one layer for each size; two made with the same sizes have nothing in common. */
export const makeImage = (sizes: readonly number[]): MadeImage => {
  const layers = sizes.map((size, index) => makeLayer(`file-${index}`, size));
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      created: '2024-01-01T00:00:00Z',
      config: { Cmd: ['/none'] },
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    }),
  );
  const manifest = manifestOf(config, layers);
  return { id: digestOf(config), config, layers, manifest, manifestDigest: digestOf(manifest) };
};

/** What `docker save` writes of the image; without a tag it is loaded as a dangling one. */
export const archiveOf = (image: MadeImage, tag?: string): Buffer => {
  const names = image.layers.map(({ diffId }) => `${diffId.slice(7)}.tar`);
  const entry = {
    Config: `${image.id.slice(7)}.json`,
    RepoTags: tag === undefined ? null : [tag],
    Layers: names,
  };
  const layers = Object.fromEntries(image.layers.map(({ tar }, index) => [names[index], tar]));
  return tarOf({ ...layers, [entry.Config]: image.config, 'manifest.json': JSON.stringify([entry]) });
};
