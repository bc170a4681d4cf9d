import { parseDiffId, type DiffId } from './digest.ts';
import { ociErrors } from './errors.ts';
import { createReader, defined, parseJson, type Fail, type Reader } from './json.ts';
import { readContainerConfig, type ContainerConfig } from './container-config.ts';
import { hostPlatform } from './platform.ts';

/** Most bytes of a configuration that is read or written. */
export const MAX_CONFIG_BYTES = 8 * 1024 * 1024;

/** How one layer, or one instruction without a layer, came to be. */
export interface HistoryEntry {
  /** RFC 3339. */
  readonly created?: string | undefined;
  readonly createdBy?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  /** No layer belongs to this entry. */
  readonly emptyLayer?: boolean | undefined;
}

/** Configuration of an image (image-spec config.md). */
export interface ImageConfig {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly osVersion?: string | undefined;
  readonly osFeatures?: readonly string[] | undefined;
  /** RFC 3339. */
  readonly created?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  readonly dockerVersion?: string | undefined;
  readonly config: ContainerConfig;
  readonly rootfs: {
    /** Lowest first. */
    readonly diffIds: readonly DiffId[];
  };
  /** Oldest first. */
  readonly history: readonly HistoryEntry[];
  /** What a build keeps of its cache in the image itself (`--cache-to type=inline`), base64. */
  readonly buildCache?: string | undefined;
}

const BUILD_CACHE = 'lade.build-cache.v1';

const fail: Fail = (reason) => ociErrors.invalidImageConfig({ reason });
const TOO_LARGE = `it is larger than ${MAX_CONFIG_BYTES} bytes`;

const timeOf = (reader: Reader, key: string): string | undefined => {
  const text = reader.string(key);
  if (text === undefined || text === '') return undefined;
  if (Number.isNaN(Date.parse(text)))
    throw fail(`${reader.place(key)} is not a time: ${JSON.stringify(text)}`);
  return text;
};

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

const readHistory = (value: unknown, index: number): HistoryEntry => {
  const reader = createReader(value, `history[${index}]`, fail);
  return defined({
    created: timeOf(reader, 'created'),
    createdBy: nonEmpty(reader.string('created_by')),
    author: nonEmpty(reader.string('author')),
    comment: nonEmpty(reader.string('comment')),
    emptyLayer: reader.boolean('empty_layer') === true ? true : undefined,
  });
};

const readDiffIds = (value: unknown): readonly DiffId[] => {
  const reader = createReader(value, 'rootfs', fail);
  const type = reader.string('type');
  if (type !== 'layers') throw fail(`rootfs.type must be "layers", not ${JSON.stringify(type)}`);
  return (reader.strings('diff_ids') ?? []).map((text) => {
    try {
      return parseDiffId(text);
    } catch (error) {
      throw fail(`rootfs.diff_ids: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
};

/** Parses the bytes of a configuration. `invalid-argument` when it is not one. */
export const parseImageConfig = (bytes: Uint8Array): ImageConfig => {
  if (bytes.length > MAX_CONFIG_BYTES) throw fail(TOO_LARGE);
  const reader = createReader(parseJson(bytes, fail), 'the configuration', fail);
  const diffIds = readDiffIds(reader.raw('rootfs'));
  const history = (reader.list('history') ?? []).map(readHistory);
  if (history.filter((entry) => entry.emptyLayer !== true).length > diffIds.length) {
    throw fail('its history names more layers than rootfs.diff_ids');
  }
  const host = hostPlatform();
  return defined({
    os: nonEmpty(reader.string('os')) ?? host.os,
    architecture: nonEmpty(reader.string('architecture')) ?? host.architecture,
    variant: nonEmpty(reader.string('variant')),
    osVersion: nonEmpty(reader.string('os.version')),
    osFeatures: reader.strings('os.features'),
    created: timeOf(reader, 'created'),
    author: nonEmpty(reader.string('author')),
    comment: nonEmpty(reader.string('comment')),
    dockerVersion: nonEmpty(reader.string('docker_version')),
    config: readContainerConfig(reader.object('config') ?? {}, 'config', fail),
    rootfs: { diffIds },
    history,
    buildCache: nonEmpty(reader.string(BUILD_CACHE)),
  });
};

/** Members that are undefined are not written. */
const historyToJson = (entry: HistoryEntry) => ({
  created: entry.created,
  created_by: entry.createdBy,
  author: entry.author,
  comment: entry.comment,
  empty_layer: entry.emptyLayer === true ? true : undefined,
});

const encoded = new WeakMap<ImageConfig, Buffer>();

/**
 * The bytes of a configuration as OCI writes it; the same configuration gives the same bytes. `invalid-argument` when
 * it is larger than what is read.
 */
export const encodeImageConfig = (image: ImageConfig): Buffer => {
  const known = encoded.get(image);
  if (known !== undefined) return known;
  const document = defined({
    created: image.created,
    author: image.author,
    architecture: image.architecture,
    variant: image.variant,
    os: image.os,
    'os.version': image.osVersion,
    'os.features': image.osFeatures,
    comment: image.comment,
    docker_version: image.dockerVersion,
    config: readContainerConfig(image.config, 'config', fail),
    rootfs: { type: 'layers', diff_ids: image.rootfs.diffIds },
    history: image.history.map(historyToJson),
    [BUILD_CACHE]: image.buildCache,
  });
  const bytes = Buffer.from(JSON.stringify(document));
  if (bytes.length > MAX_CONFIG_BYTES) throw fail(TOO_LARGE);
  encoded.set(image, bytes);
  return bytes;
};
