import type { Assembly } from '#library';
import { canonicalString, parseReference } from '#oci';
import { extractTar } from '#trees';
import type { DeliveryRequest, DeliveryTools } from './delivery-types.ts';
import { openDirectoryOutput, readSmall, writeFileOutput, writeSmall } from './destinations.ts';
import type { OutputSpec } from './types.ts';

type ArchiveSpec = OutputSpec & { readonly kind: 'oci' | 'docker' };

const INDEX = 'index.json';
const NAME = 'org.opencontainers.image.ref.name';

interface Entry {
  readonly digest?: unknown;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

const entriesIn = (bytes: Buffer | undefined): readonly Entry[] => {
  try {
    const parsed: unknown = bytes === undefined ? undefined : JSON.parse(bytes.toString());
    const isIndex = typeof parsed === 'object' && parsed !== null && 'manifests' in parsed;
    return isIndex && Array.isArray(parsed.manifests) ? (parsed.manifests as readonly Entry[]) : [];
  } catch {
    return [];
  }
};

/** What a layout had before stays, except for what has the same name or is the same. */
const mergeIndex = async (fd: number, before: Buffer | undefined): Promise<void> => {
  const now = await readSmall(fd, INDEX);
  const added = entriesIn(now);
  const same = (one: Entry, other: Entry): boolean =>
    one.annotations?.[NAME] === undefined
      ? one.digest === other.digest
      : one.annotations[NAME] === other.annotations?.[NAME];
  const kept = entriesIn(before).filter((entry) => !added.some((other) => same(entry, other)));
  if (now === undefined || kept.length === 0) return;
  const index: object = JSON.parse(now.toString());
  await writeSmall(fd, INDEX, Buffer.from(JSON.stringify({ ...index, manifests: [...kept, ...added] })));
};

const namesOf = (output: ArchiveSpec, request: DeliveryRequest): readonly string[] =>
  (output.names ?? request.names).map((name) => canonicalString(parseReference(name)));

/** Stops with the build. */
async function* until(
  signal: AbortSignal | undefined,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    signal?.throwIfAborted();
    yield chunk;
  }
}

/** Writes an archive, or the directory of an OCI layout, which may have other images already. */
export const writeArchive = async (
  { library }: DeliveryTools,
  request: DeliveryRequest,
  { output, assembly }: { readonly output: ArchiveSpec; readonly assembly: Assembly },
): Promise<void> => {
  const bytes = library.assemblies.save(assembly, { names: namesOf(output, request), form: output.kind });
  if (output.kind === 'docker' || output.tar)
    return writeFileOutput(output.destination, bytes, request.signal);
  using root = openDirectoryOutput(output.destination);
  const before = await readSmall(root.fd, INDEX);
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  await extractTar(until(request.signal, bytes), { root: root.fd, directory: '/', keepKinds: false, owner });
  await mergeIndex(root.fd, before);
};
