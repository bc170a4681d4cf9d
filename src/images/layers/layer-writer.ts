import { span } from '#events';
import { createTarSink, type TarSink } from './tar-sink.ts';
import { cleanPath } from './tree-path.ts';
import { layerErrors } from './errors.ts';
import { makeFormIfAlone } from './form.ts';
import type { StoredTar } from './unpack-job.ts';
import type { BackendName, LayerEntry, LayerWriter } from './types.ts';
import { identityOf, type Donor, type WrittenFile, type WrittenFiles } from './written-files.ts';

const relative = (path: string): string => cleanPath(path).join('/') || '.';

const inside = (path: string, name: string): string => {
  const folder = cleanPath(path).join('/');
  return folder === '' ? name : `${folder}/${name}`;
};

/** A layer that is being written, and what it consists of. */
interface Writing {
  readonly sink: TarSink;
  readonly signal: AbortSignal | undefined;
  readonly donors: readonly Donor[];
  readonly files: Map<string, WrittenFile>;
}

const note = ({ sink, files }: Writing, identity: string, start: number): void => {
  const entry = sink.entries.at(-1);
  if (entry !== undefined) files.set(identity, { start, length: sink.position - start, entry });
};

const reuse = async (writing: Writing, given: Omit<LayerEntry, 'source'>): Promise<boolean> => {
  const { sink, donors } = writing;
  const identity = identityOf({ ...given, path: relative(given.path) });
  if (identity === undefined) return false;
  for (const { fd, files } of donors) {
    const found = files.get(identity);
    if (found === undefined) continue;
    const start = sink.position;
    await sink.copy({ fd, ...found });
    note(writing, identity, start);
    return true;
  }
  return false;
};

const writerOf = (writing: Writing): LayerWriter => ({
  reuse(entry) {
    if (writing.signal?.aborted === true) throw layerErrors.cancelled({});
    return reuse(writing, entry);
  },
  async add({ source, linkName, digest, ...entry }) {
    const { sink, signal } = writing;
    if (signal?.aborted === true) throw layerErrors.cancelled({});
    const link = entry.kind === 'hardlink' && linkName !== undefined ? relative(linkName) : linkName;
    const start = sink.position;
    const named = { ...entry, path: relative(entry.path) };
    await sink.add({ ...named, linkName: link }, source);
    const identity = identityOf({ ...named, digest, linkName });
    if (identity !== undefined) note(writing, identity, start);
  },
  async whiteout(path) {
    const names = cleanPath(path);
    const name = names.at(-1);
    if (name === undefined) throw layerErrors.badContent({ reason: 'the root cannot be hidden' });
    const marker = inside(names.slice(0, -1).join('/'), `.wh.${name}`);
    await writing.sink.add({ path: marker, kind: 'file', mode: 0o600 });
  },
  opaque: (path) => writing.sink.add({ path: inside(path, '.wh..wh..opq'), kind: 'file', mode: 0o600 }),
});

export interface WriteRequest {
  readonly staging: string;
  readonly backend: BackendName;
  /** Name of the form in the staging directory. */
  readonly form: string;
  readonly donors: readonly Donor[];
  readonly signal?: AbortSignal | undefined;
}

/** Writes a layer's tar into `staging` while `write` appends to it, and its form if that depends on nothing. */
export const writeLayerTar = async (
  request: WriteRequest,
  write: (writer: LayerWriter) => Promise<void>,
): Promise<{ readonly stored: StoredTar; readonly files: WrittenFiles }> => {
  const tarPath = `${request.staging}/layer.tar`;
  await using sink = createTarSink(tarPath);
  const files = new Map<string, WrittenFile>();
  const { signal, donors } = request;
  await span('write layer', '', () => write(writerOf({ sink, signal, donors, files })));
  const target = `${request.staging}/${request.form}`;
  const form = { backend: request.backend, tarPath, target };
  let dependent = true;
  const index = (): void => void (dependent = makeFormIfAlone(form, sink.entries));
  const { hex, size } = await span('finish and index layer', '', () => sink.finish(index));
  return { stored: { algorithm: 'sha256', hex, size, dependent }, files };
};
