import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import {
  MEDIA_TYPES,
  asImageId,
  digestOf,
  encodeImageConfig,
  encodeImageManifest,
  encodeIndex,
  parseDiffId,
  type Descriptor,
  type Digest,
  type DigestAlgorithm,
  type ImageId,
  type Platform,
} from '#oci';
import { rootfsTar } from '../testing.ts';
import type { FakeRegistry } from './fake-registry.ts';

/** Takes content of one repository. */
export interface ContentSink {
  blob(digest: Digest, bytes: Buffer): Promise<void> | void;
  /** Stores a manifest under its digest, and under these tags. */
  manifest(descriptor: Descriptor, bytes: Buffer, tags: readonly string[]): Promise<void> | void;
}

/** Content of a repository of a fake registry. */
export const fakeSink = (registry: FakeRegistry, repository: string): ContentSink => ({
  blob: (digest, bytes) => void registry.blobs.set(digest, bytes),
  manifest(descriptor, bytes, tags) {
    const stored = { bytes, mediaType: descriptor.mediaType, digest: descriptor.digest };
    for (const name of [descriptor.digest, ...tags]) registry.manifests.set(`${repository}:${name}`, stored);
  },
});

/** Content of a repository of a real registry on this machine. */
export const httpSink = (host: string, repository: string): ContentSink => ({
  async blob(digest, bytes) {
    const begun = await fetch(`http://${host}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
    const location = new URL(begun.headers.get('location') ?? '', `http://${host}`);
    location.searchParams.set('digest', digest);
    const answer = await fetch(location, {
      method: 'PUT',
      body: bytes,
      headers: { 'content-type': 'application/octet-stream' },
    });
    if (answer.status !== 201) throw new Error(`${digest}: ${answer.status} ${await answer.text()}`);
  },
  async manifest({ digest, mediaType }, bytes, tags) {
    for (const name of [digest, ...tags]) {
      const url = `http://${host}/v2/${repository}/manifests/${name}`;
      const answer = await fetch(url, { method: 'PUT', body: bytes, headers: { 'content-type': mediaType } });
      if (answer.status !== 201) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
    }
  },
});

export const digestIn = (algorithm: DigestAlgorithm, bytes: Uint8Array): Digest =>
  digestOf(algorithm, createHash(algorithm).update(bytes).digest('hex'));

type Packing = 'gzip' | 'zstd' | 'none';

const pack = {
  gzip: (bytes: Buffer) => gzipSync(bytes),
  zstd: zstdCompressSync,
  none: (bytes: Buffer) => bytes,
};

export interface ImageOptions {
  readonly platform?: Platform | undefined;
  /** One file system for each layer: text by path. */
  readonly layers?: readonly Readonly<Record<string, string>>[] | undefined;
  readonly packing?: Packing | undefined;
  readonly kind?: 'oci' | 'docker' | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly subject?: Descriptor | undefined;
  /** What the descriptors of layers have besides. */
  readonly layer?: Partial<Descriptor> | undefined;
  /** Layers are described only, not stored. */
  readonly withoutLayers?: boolean | undefined;
}

export interface MadeImage {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly id: ImageId;
  readonly layers: readonly { readonly descriptor: Descriptor; readonly bytes: Buffer }[];
}

export interface MadeManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

const LAYER_TYPES = {
  oci: { gzip: MEDIA_TYPES.ociLayerGzip, zstd: MEDIA_TYPES.ociLayerZstd, none: MEDIA_TYPES.ociLayer },
  docker: {
    gzip: MEDIA_TYPES.dockerLayerGzip,
    zstd: MEDIA_TYPES.ociLayerZstd,
    none: MEDIA_TYPES.dockerLayer,
  },
} as const;

/** Makes images, artifacts and indexes by hand, and stores them; all digests are of one algorithm. */
export const createImageKit = (sink: ContentSink, algorithm: DigestAlgorithm = 'sha256') => {
  const describe = (bytes: Buffer, mediaType: string): Descriptor => ({
    mediaType,
    digest: digestIn(algorithm, bytes),
    size: bytes.length,
  });
  const putBlob = async (bytes: Buffer, mediaType: string): Promise<Descriptor> => {
    const descriptor = describe(bytes, mediaType);
    await sink.blob(descriptor.digest, bytes);
    return descriptor;
  };
  const putManifest = async (
    bytes: Buffer,
    mediaType: string,
    tags: readonly string[] = [],
  ): Promise<MadeManifest> => {
    const descriptor = describe(bytes, mediaType);
    await sink.manifest(descriptor, bytes, tags);
    return { descriptor, bytes };
  };

  const image = async (options: ImageOptions = {}): Promise<MadeImage> => {
    const { kind = 'oci', packing = 'gzip', layers = [{ file: 'text' }] } = options;
    const platform = options.platform ?? { os: 'linux', architecture: 'amd64' };
    const tars = await Promise.all(layers.map((files) => buffer(rootfsTar(files))));
    const config = encodeImageConfig({
      ...platform,
      config: { Cmd: ['/bin/true'] },
      rootfs: { diffIds: tars.map((tar) => parseDiffId(digestIn(algorithm, tar))) },
      history: [],
    });
    const packed = tars.map((tar) => {
      const bytes = pack[packing](tar);
      return { bytes, descriptor: { ...describe(bytes, LAYER_TYPES[kind][packing]), ...options.layer } };
    });
    if (options.withoutLayers !== true)
      for (const layer of packed) await sink.blob(layer.descriptor.digest, layer.bytes);
    const configType = kind === 'oci' ? MEDIA_TYPES.ociConfig : MEDIA_TYPES.dockerConfig;
    const manifestType = kind === 'oci' ? MEDIA_TYPES.ociManifest : MEDIA_TYPES.dockerManifest;
    const bytes = encodeImageManifest({
      mediaType: manifestType,
      config: await putBlob(config, configType),
      layers: packed.map((layer) => layer.descriptor),
      subject: options.subject,
      annotations: options.annotations,
    });
    const made = await putManifest(bytes, manifestType, options.tags);
    return { ...made, id: asImageId(digestIn(algorithm, config)), layers: packed };
  };

  const artifact = async (options: {
    readonly artifactType: string;
    readonly content: string;
    readonly tags?: readonly string[] | undefined;
    readonly subject?: Descriptor | undefined;
    readonly configType?: string | undefined;
  }): Promise<MadeManifest> => {
    const { artifactType, content, tags, subject, configType = MEDIA_TYPES.ociEmpty } = options;
    const bytes = encodeImageManifest({
      mediaType: MEDIA_TYPES.ociManifest,
      artifactType,
      config: await putBlob(Buffer.from('{}'), configType),
      layers: [await putBlob(Buffer.from(content), 'text/plain')],
      subject,
      annotations: { 'org.example.note': 'kept' },
    });
    return putManifest(bytes, MEDIA_TYPES.ociManifest, tags);
  };

  const index = (
    manifests: readonly Descriptor[],
    options: {
      readonly tags?: readonly string[] | undefined;
      readonly kind?: 'oci' | 'docker' | undefined;
      readonly subject?: Descriptor | undefined;
    } = {},
  ): Promise<MadeManifest> => {
    const mediaType = options.kind === 'docker' ? MEDIA_TYPES.dockerIndex : MEDIA_TYPES.ociIndex;
    const bytes = encodeIndex({ mediaType, manifests, subject: options.subject });
    return putManifest(bytes, mediaType, options.tags);
  };

  /** What BuildKit puts beside an image. */
  const attestation = async (about: Descriptor): Promise<Descriptor> => {
    const statement = await putBlob(
      Buffer.from(`{"about":"${about.digest}"}`),
      'application/vnd.in-toto+json',
    );
    const config = encodeImageConfig({
      os: 'unknown',
      architecture: 'unknown',
      config: {},
      rootfs: { diffIds: [parseDiffId(`sha256:${'0'.repeat(64)}`)] },
      history: [],
    });
    const bytes = encodeImageManifest({
      mediaType: MEDIA_TYPES.ociManifest,
      config: await putBlob(config, MEDIA_TYPES.ociConfig),
      layers: [statement],
    });
    const { descriptor } = await putManifest(bytes, MEDIA_TYPES.ociManifest);
    return {
      ...descriptor,
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: {
        'vnd.docker.reference.type': 'attestation-manifest',
        'vnd.docker.reference.digest': about.digest,
      },
    };
  };

  return { putBlob, putManifest, image, artifact, index, attestation };
};
