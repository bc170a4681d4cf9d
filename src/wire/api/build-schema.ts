import * as z from 'zod/mini';

const text = z.optional(z.string());
const flag = z.optional(z.boolean());
const whole = z.optional(z.int());
const texts = z.optional(z.array(z.string()));
const textMap = z.optional(z.record(z.string(), z.string()));

const namedContext = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('directory'), path: z.string() }),
  z.strictObject({ kind: z.literal('remote'), url: z.string() }),
  z.strictObject({ kind: z.literal('image'), reference: z.string() }),
  z.strictObject({ kind: z.literal('oci-layout'), path: z.string(), reference: z.optional(z.string()) }),
  z.strictObject({ kind: z.literal('target'), stage: z.string() }),
]);

const cacheMode = z.enum(['min', 'max']);

const cache = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('registry'), reference: z.string(), mode: cacheMode }),
  z.strictObject({ kind: z.literal('local'), path: z.string(), mode: cacheMode }),
  z.strictObject({ kind: z.literal('inline') }),
]);

const form = {
  compression: z.optional(z.enum(['gzip', 'zstd', 'uncompressed'])),
  forceCompression: flag,
  ociMediaTypes: flag,
};

const output = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('image'), names: z.array(z.string()), push: z.boolean(), ...form }),
  z.strictObject({
    kind: z.literal('local'),
    destination: z.string(),
    mode: z.optional(z.enum(['copy', 'delete'])),
    platformSplit: flag,
  }),
  z.strictObject({ kind: z.literal('tar'), destination: z.string(), platformSplit: flag }),
  z.strictObject({
    kind: z.literal('oci'),
    destination: z.string(),
    tar: z.boolean(),
    names: texts,
    ...form,
  }),
  z.strictObject({ kind: z.literal('docker'), destination: z.string(), names: texts, ...form }),
  z.strictObject({ kind: z.literal('cacheonly') }),
]);

const limits = z.strictObject({
  memoryBytes: whole,
  memorySwapBytes: whole,
  cpuShares: whole,
  cpuQuotaUs: whole,
  cpuPeriodUs: whole,
  cpusetCpus: text,
  cpusetMems: text,
  ulimits: z.optional(z.array(z.strictObject({ name: z.string(), soft: z.int(), hard: z.int() }))),
  cgroupParent: text,
});

/** Everything about a build but its context. Paths are those of the daemon's machine. */
const options = {
  /** A path inside the context. */
  dockerfile: text,
  /** The text itself, instead of a path. */
  dockerfileText: text,
  contexts: z.optional(z.record(z.string(), namedContext)),
  tags: texts,
  buildArgs: z.optional(z.record(z.string(), z.nullable(z.string()))),
  labels: textMap,
  annotations: textMap,
  target: text,
  platforms: texts,
  noCache: flag,
  noCacheFilter: texts,
  cacheFrom: z.optional(z.array(cache)),
  cacheTo: z.optional(z.array(cache)),
  pull: flag,
  network: text,
  hostCa: z.optional(z.strictObject({ path: z.string() })),
  proxies: textMap,
  /** Contents by id, base64. */
  secrets: textMap,
  ssh: z.optional(z.record(z.string(), z.strictObject({ socket: z.string() }))),
  extraHosts: texts,
  shmSizeBytes: whole,
  limits: z.optional(limits),
  allow: z.optional(z.array(z.enum(['security.insecure', 'network.host', 'device']))),
  outputs: z.optional(z.array(output)),
  attestations: z.optional(
    z.strictObject({ provenance: z.optional(cacheMode), reproducible: flag, sbom: flag }),
  ),
  squash: flag,
  keepFailed: flag,
  /** What is asked for instead of a build. */
  call: z.optional(z.enum(['check', 'outline', 'targets'])),
};

export const buildSchemas = {
  /**
   * POST /lade/v1/build: the context lies on the daemon's machine and is read in place, or at a URL; with neither, the
   * Dockerfile's text is all there is.
   */
  ladeBuild: z.strictObject({ contextPath: text, contextUrl: text, ...options }),
  /** The first line of POST /lade/v1/build/archive; the context follows it. */
  ladeArchiveBuild: z.strictObject(options),
};
