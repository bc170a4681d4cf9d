import { isAbsolute } from 'node:path';
import type { Assembly } from '#library';
import {
  asImageId,
  canonicalString,
  encodeImageConfig,
  hostPlatform,
  parsePlatform,
  parseReference,
  selectPlatform,
  sha256Of,
  type Descriptor,
  type ImageId,
} from '#oci';
import { readAnnotations, type AnnotationSet } from './annotations.ts';
import type { BuiltImage, Delivered, DeliveryRequest, DeliveryTools } from './delivery-types.ts';
import { outputsErrors } from './errors.ts';
import { pushName } from './push.ts';
import type { ImageForm, OutputSpec } from './types.ts';
import { writeArchive } from './write-archive.ts';
import { writeLocal, writeTarFile } from './write-files.ts';

type ImageSpec = OutputSpec & { readonly kind: 'image' };
type Lease = Awaited<ReturnType<DeliveryTools['library']['lease']>>;

/** Everything that the outputs of one build share. */
interface Delivery {
  readonly tools: DeliveryTools;
  readonly request: DeliveryRequest;
  readonly annotations: AnnotationSet;
  /** Made for the first assembly; ends with the delivery. */
  readonly lease: () => Promise<Lease>;
  /** One for each form in which images are wanted. */
  readonly assemblies: Map<string, Promise<Assembly>>;
  /** Canonical names that were given. */
  readonly named: Set<string>;
  descriptor: Descriptor | undefined;
}

export const imageIdOf = ({ config }: BuiltImage): ImageId => asImageId(sha256Of(encodeImageConfig(config)));

/** The image that is meant where no platform is asked for. */
const mainOf = (images: readonly BuiltImage[]): BuiltImage => {
  const offered = images.map((image) => ({ image, platform: parsePlatform(image.platform) }));
  const main = selectPlatform(offered, hostPlatform())?.image ?? images[0];
  if (main === undefined) throw new TypeError('a build has a result for at least one platform');
  return main;
};

const canonical = (names: readonly string[]): readonly string[] =>
  names.map((name) => canonicalString(parseReference(name)));

/** Names that anything of this build is given. */
const allNames = ({ outputs, names }: DeliveryRequest): readonly string[] => [
  ...new Set([
    ...names,
    ...outputs.flatMap((output) => ('names' in output ? canonical(output.names ?? []) : [])),
  ]),
];

const hasIndex = ({ images, multiPlatform }: DeliveryRequest): boolean =>
  images.length > 1 || multiPlatform === true;

const compressionOf = ({ compression = 'gzip' }: ImageForm) =>
  compression === 'uncompressed' ? 'none' : compression;

const assemble = async (
  { tools, request, annotations, lease }: Delivery,
  form: ImageForm,
): Promise<Assembly> => {
  const { images, statements, signal } = request;
  const names = allNames(request);
  return tools.library.assemblies.make({
    parts: images.map((image) => ({
      config: image.config,
      annotations: annotations.of('manifest', image.platform),
      descriptorAnnotations: annotations.of('manifest-descriptor', image.platform),
      statements: statements === undefined ? undefined : (manifest) => statements({ image, manifest, names }),
    })),
    index: hasIndex(request) ? { annotations: annotations.of('index') } : undefined,
    topAnnotations: annotations.of(hasIndex(request) ? 'index-descriptor' : 'manifest-descriptor'),
    compression: compressionOf(form),
    forceCompression: form.forceCompression,
    mediaTypes: form.ociMediaTypes === false ? 'docker' : 'oci',
    lease: await lease(),
    signal,
  });
};

const assemblyFor = async (delivery: Delivery, form: ImageForm): Promise<Assembly> => {
  const { compression, forceCompression, ociMediaTypes } = form;
  const key = JSON.stringify([compression ?? 'gzip', forceCompression ?? false, ociMediaTypes ?? true]);
  const known = delivery.assemblies.get(key) ?? assemble(delivery, form);
  delivery.assemblies.set(key, known);
  const assembly = await known;
  delivery.descriptor ??= assembly.top;
  return assembly;
};

/** Whether the image is recorded as it is, and gets a manifest when it is first pushed. */
const isPlain = ({ request, annotations }: Delivery, form: ImageForm): boolean =>
  !hasIndex(request) &&
  annotations.isEmpty &&
  request.statements === undefined &&
  compressionOf(form) === 'gzip' &&
  form.forceCompression !== true &&
  form.ociMediaTypes !== false;

/** What is stored under a name. */
const stored = ({ tools }: Delivery, name: string) => {
  try {
    return tools.library.resolve(name);
  } catch {
    return undefined;
  }
};

/**
 * Records an image as it is, unless exactly this image has exactly these names already. One that has manifests is given
 * one again: it may have annotations that were wanted for another build.
 */
const recordPlain = async (delivery: Delivery, names: readonly string[]): Promise<void> => {
  const { library } = delivery.tools;
  const image = mainOf(delivery.request.images);
  const id = imageIdOf(image);
  if ((stored(delivery, id)?.record.manifests.length ?? 0) > 0)
    await library.assemblies.record(await assemblyFor(delivery, {}), names);
  else if (![id, ...names].every((name) => stored(delivery, name)?.id === id))
    await library.createImage({ config: image.config, tags: names });
};

const record = async (delivery: Delivery, output: ImageSpec): Promise<void> => {
  const names = canonical(output.names);
  if (isPlain(delivery, output)) await recordPlain(delivery, names);
  else await delivery.tools.library.assemblies.record(await assemblyFor(delivery, output), names);
  for (const name of names) delivery.named.add(name);
};

const write = async (delivery: Delivery, output: OutputSpec): Promise<void> => {
  const { tools, request } = delivery;
  const { images, signal } = request;
  const files = { layers: tools.layers, images, split: hasIndex(request), signal };
  switch (output.kind) {
    case 'image':
      return record(delivery, output);
    case 'local':
      return writeLocal(output, files);
    case 'tar':
      return writeTarFile(output, files);
    case 'oci':
    case 'docker':
      return writeArchive(tools, request, { output, assembly: await assemblyFor(delivery, output) });
    case 'cacheonly':
      return undefined;
    default:
      return output satisfies never;
  }
};

const push = async (delivery: Delivery, output: OutputSpec): Promise<void> => {
  if (output.kind !== 'image' || !output.push) return;
  for (const name of canonical(output.names)) {
    const { digest, size } = await pushName(delivery.tools, delivery.request, name);
    delivery.descriptor ??= { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size };
  }
};

const archiveNamesOf = ({ outputs, names }: DeliveryRequest): readonly string[] => [
  ...new Set(
    outputs.flatMap((output) =>
      output.kind === 'oci' || output.kind === 'docker' ? canonical(output.names ?? names) : [],
    ),
  ),
];

const deliveredOf = async (delivery: Delivery): Promise<Delivered> => {
  const { request, named, descriptor } = delivery;
  const [assembly] = await Promise.all(delivery.assemblies.values());
  return {
    imageId: imageIdOf(mainOf(request.images)),
    descriptor,
    names: [...named],
    archiveNames: archiveNamesOf(request),
    images: request.images.map((image, index) => ({
      platform: image.platform,
      imageId: imageIdOf(image),
      digest: assembly?.images[index]?.manifest.digest ?? descriptor?.digest,
    })),
  };
};

/** Lets go of what was made for archives only. */
const clean = async ({ tools, request, assemblies }: Delivery): Promise<void> => {
  const hasArchive = request.outputs.some(({ kind }) => kind === 'oci' || kind === 'docker');
  if (hasArchive && assemblies.size > 0) await tools.library.collect();
};

/** Refuses what cannot be delivered before anything is built. */
export const checkDelivery = (
  request: Pick<DeliveryRequest, 'outputs' | 'annotations' | 'multiPlatform'>,
  platforms: readonly string[],
): void => {
  readAnnotations(request.annotations, platforms.length > 1 || request.multiPlatform === true);
  for (const output of request.outputs) {
    if ('names' in output) canonical(output.names ?? []);
    if (output.kind === 'image' && output.push && output.names.length === 0)
      throw outputsErrors.nothingToPush({});
    if ('destination' in output && !isAbsolute(output.destination))
      throw outputsErrors.relativeDestination({ path: output.destination });
  }
};

/** Brings a result everywhere it is wanted: into the store and files first, to registries last. */
export const deliver = async (tools: DeliveryTools, request: DeliveryRequest): Promise<Delivered> => {
  const annotations = readAnnotations(request.annotations, hasIndex(request));
  await using stack = new AsyncDisposableStack();
  let lease: Promise<Lease> | undefined;
  const delivery: Delivery = {
    tools,
    request,
    annotations,
    lease: () => (lease ??= tools.library.lease({ label: 'build output' })),
    assemblies: new Map(),
    named: new Set(),
    descriptor: undefined,
  };
  stack.defer(() => clean(delivery));
  stack.defer(async () => (await lease)?.[Symbol.asyncDispose]());
  for (const output of request.outputs) {
    request.signal?.throwIfAborted();
    await write(delivery, output);
  }
  for (const output of request.outputs) await push(delivery, output);
  return await deliveredOf(delivery);
};
