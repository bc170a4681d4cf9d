import { parseManifest, type Descriptor } from '#oci';
import { archiveParts, type NamedTop } from './archive-documents.ts';
import { blobFile, readableLayers, type ArchiveFile, type ArchiveImage } from './archive-plan.ts';
import type { AssembledImage, Assembly } from './assembly-types.ts';
import type { Context } from './context.ts';
import { describedBy, tagTarget } from './create-image.ts';
import { bytesOf } from './save.ts';

export interface AssemblyArchive {
  /** Names that the archive gives it. */
  readonly names: readonly string[];
  /** An OCI layout, or one that `docker load` of any version reads too. */
  readonly form: 'oci' | 'docker';
}

/** Configuration and content of one manifest. */
const filesOf = async (context: Context, manifest: Descriptor) => {
  const parsed = parseManifest(await context.store.blobs.read(manifest.digest), manifest.mediaType);
  const named = parsed.kind === 'image' ? [parsed.config, ...parsed.layers] : [];
  const [config, ...layers] = named.map((descriptor) => blobFile(context, descriptor));
  return {
    manifest: parsed,
    documents: [blobFile(context, manifest), ...(config === undefined ? [] : [config])],
    layers,
  };
};

interface Packed {
  readonly image: ArchiveImage;
  readonly documents: readonly ArchiveFile[];
  readonly files: readonly ArchiveFile[];
}

const packImage = async (
  context: Context,
  { id, config, manifest, statements }: AssembledImage,
  forDocker: boolean,
): Promise<Packed> => {
  const own = await filesOf(context, manifest);
  const about = await Promise.all(statements.map((statement) => filesOf(context, statement)));
  const layers = own.manifest.kind === 'image' ? own.manifest.layers : [];
  const readable = readableLayers(context, { diffIds: config.rootfs.diffIds, layers });
  const files = [...own.layers, ...(forDocker ? readable.more : []), ...about.flatMap((one) => one.layers)];
  const documents = [...own.documents, ...about.flatMap((one) => one.documents)];
  const image = { record: { id }, manifest, layers: readable.digests, documents, files };
  return { image, documents, files };
};

const topOf = async (context: Context, assembly: Assembly, archive: AssemblyArchive): Promise<NamedTop> => {
  const { top, topAnnotations, images, main } = assembly;
  const packed = await Promise.all(
    images.map((image) => packImage(context, image, archive.form === 'docker' && image === main)),
  );
  const alone = top.digest === main.manifest.digest;
  const platform = describedBy(main.config).platform;
  const mainPacked = packed[images.indexOf(main)];
  return {
    descriptor: {
      ...top,
      ...(alone ? { platform } : {}),
      ...(Object.keys(topAnnotations).length === 0 ? {} : { annotations: topAnnotations }),
    },
    tags: archive.names.map(tagTarget),
    images: mainPacked === undefined ? [] : [mainPacked.image],
    referrers: images.flatMap(({ statements }) => statements),
    documents: [...(alone ? [] : [blobFile(context, top)]), ...packed.flatMap((one) => one.documents)],
    files: packed.flatMap((one) => one.files),
  };
};

/** What was put together, as a tar. The lease of the assembly must live until it is read. */
export async function* saveAssembly(
  context: Context,
  assembly: Assembly,
  archive: AssemblyArchive,
): AsyncGenerator<Uint8Array, void, undefined> {
  const tops = [await topOf(context, assembly, archive)];
  yield* bytesOf(archiveParts({ tops, since: [], ociOnly: archive.form === 'oci' }));
}
