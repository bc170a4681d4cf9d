import type { ImageFacts, LayerFact, ManifestKind, StoredManifest } from '#metadata';
import type { Digest } from '#oci';
import * as z from 'zod';

const descriptor = z.looseObject({
  mediaType: z.string().catch(''),
  digest: z.string(),
  size: z.int().nonnegative().catch(0),
});

const manifestShape = z.looseObject({
  artifactType: z.string().nullish().catch(undefined),
  annotations: z.record(z.string(), z.string()).nullish().catch(undefined),
  config: descriptor.nullish().catch(undefined),
  layers: z.array(descriptor).nullish().catch(undefined),
  manifests: z.array(z.unknown()).nullish().catch(undefined),
});

type ManifestShape = z.infer<typeof manifestShape>;

const configShape = z.looseObject({
  created: z.string().nullish().catch(undefined),
  os: z.string().nullish().catch(undefined),
  architecture: z.string().nullish().catch(undefined),
  variant: z.string().nullish().catch(undefined),
  config: z
    .looseObject({ Labels: z.record(z.string(), z.string()).nullish().catch(undefined) })
    .nullish()
    .catch(undefined),
  rootfs: z
    .looseObject({ diff_ids: z.array(z.string()).nullish().catch(undefined) })
    .nullish()
    .catch(undefined),
});

type ConfigShape = z.infer<typeof configShape>;

const TEXTS = 'org.opencontainers.image.';
const CONFIGS: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);
const SIGNATURES = /cosign|simplesigning|notary|sigstore|cncf\.notary/i;
const ATTESTATIONS = /in-toto|dsse/i;

/** At most so many labels and layers of one image are remembered, and texts of this length. */
const MAX_LABELS = 200;
const MAX_LAYERS = 1000;
const MAX_TEXT = 4096;

const jsonOf = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
};

/** What people call a manifest: by its artifact type, its configuration and its layers. */
export const kindOf = ({ artifactType, config, layers, manifests }: ManifestShape): ManifestKind => {
  const types = [
    artifactType ?? '',
    config?.mediaType ?? '',
    ...(layers ?? []).map((layer) => layer.mediaType),
  ];
  if (types.some((type) => SIGNATURES.test(type))) return 'signature';
  if (types.some((type) => ATTESTATIONS.test(type))) return 'attestation';
  if (manifests !== undefined && manifests !== null) return 'index';
  return CONFIGS.has(config?.mediaType ?? '') && (artifactType ?? '') === '' ? 'image' : 'artifact';
};

/** The configuration whose content is worth reading. */
export const configOf = (manifest: StoredManifest): Digest | undefined => {
  const { data } = manifestShape.safeParse(jsonOf(manifest.bytes));
  const config = data?.config;
  return config !== undefined && config !== null && CONFIGS.has(config.mediaType)
    ? (config.digest as Digest)
    : undefined;
};

const bytesOf = ({ config, layers }: ManifestShape): number => {
  const sizes = new Map([config, ...(layers ?? [])].map((part) => [part?.digest, part?.size ?? 0]));
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  return Math.min(bytes, Number.MAX_SAFE_INTEGER);
};

const layersOf = ({ layers }: ManifestShape, config: ConfigShape): readonly LayerFact[] => {
  const diffIds = config.rootfs?.diff_ids ?? [];
  const aligned = diffIds.length === (layers ?? []).length;
  return (layers ?? []).slice(0, MAX_LAYERS).map(({ digest, size }, index) => ({
    digest: digest as Digest,
    diffId: aligned ? diffIds[index] : undefined,
    size,
  }));
};

const bounded = (entries: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(entries)
      .slice(0, MAX_LABELS)
      .map(([name, value]) => [name.slice(0, MAX_TEXT), value.slice(0, MAX_TEXT)]),
  );

const timeOf = (text: string | null | undefined): number | undefined => {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? undefined : ms;
};

/** Builders write empty annotations where they know nothing. */
const given = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

/** Facts of a manifest, and what it says of itself by `org.opencontainers.image.*`. */
export interface ImageReading {
  readonly facts: ImageFacts;
  readonly texts: Readonly<Record<string, string>> | undefined;
}

/**
 * Reads what is worth showing of a manifest; `config` are the bytes of `configOf`. Never fails: what cannot be
 * understood is left out.
 */
export const readImage = (manifest: StoredManifest, config: Uint8Array | undefined): ImageReading => {
  const shape = manifestShape.safeParse(jsonOf(manifest.bytes)).data ?? {};
  const image = configShape.safeParse(config === undefined ? undefined : jsonOf(config)).data ?? {};
  const labels = bounded(image.config?.Labels ?? {});
  const stated = bounded({ ...image.config?.Labels, ...shape.annotations });
  const texts = Object.fromEntries(Object.entries(stated).filter(([name]) => name.startsWith(TEXTS)));
  return {
    facts: {
      kind: kindOf(shape),
      bytes: bytesOf(shape),
      config: shape.config?.digest as Digest | undefined,
      os: image.os ?? undefined,
      architecture: image.architecture ?? undefined,
      variant: image.variant ?? undefined,
      createdMs: timeOf(image.created),
      baseName: given(texts[`${TEXTS}base.name`]),
      baseDigest: given(texts[`${TEXTS}base.digest`]),
      layers: layersOf(shape, image),
      labels,
    },
    texts: Object.keys(texts).length === 0 ? undefined : texts,
  };
};
