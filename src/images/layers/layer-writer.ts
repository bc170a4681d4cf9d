import { span } from '#events';
import { createTarSink, type TarSink } from './tar-sink.ts';
import { cleanPath } from './tree-path.ts';
import { layerErrors } from './errors.ts';
import { makeFormIfAlone } from './form.ts';
import type { StoredTar } from './unpack-job.ts';
import type { BackendName, LayerWriter } from './types.ts';

const relative = (path: string): string => cleanPath(path).join('/') || '.';

const inside = (path: string, name: string): string => {
  const folder = cleanPath(path).join('/');
  return folder === '' ? name : `${folder}/${name}`;
};

const writerOf = (sink: TarSink, signal: AbortSignal | undefined): LayerWriter => ({
  async add({ source, linkName, ...entry }) {
    if (signal?.aborted === true) throw layerErrors.cancelled({});
    const link = entry.kind === 'hardlink' && linkName !== undefined ? relative(linkName) : linkName;
    await sink.add({ ...entry, path: relative(entry.path), linkName: link }, source);
  },
  async whiteout(path) {
    const names = cleanPath(path);
    const name = names.at(-1);
    if (name === undefined) throw layerErrors.badContent({ reason: 'the root cannot be hidden' });
    const marker = inside(names.slice(0, -1).join('/'), `.wh.${name}`);
    await sink.add({ path: marker, kind: 'file', mode: 0o600 });
  },
  opaque: (path) => sink.add({ path: inside(path, '.wh..wh..opq'), kind: 'file', mode: 0o600 }),
});

export interface WriteRequest {
  readonly staging: string;
  readonly backend: BackendName;
  /** Name of the form in the staging directory. */
  readonly form: string;
  readonly signal?: AbortSignal | undefined;
}

/** Writes a layer's tar into `staging` while `write` appends to it, and its form if that depends on nothing. */
export const writeLayerTar = async (
  request: WriteRequest,
  write: (writer: LayerWriter) => Promise<void>,
): Promise<StoredTar> => {
  const tarPath = `${request.staging}/layer.tar`;
  await using sink = createTarSink(tarPath);
  await span('write layer', '', () => write(writerOf(sink, request.signal)));
  const { hex, size } = await span('finish layer', '', () => sink.finish());
  const target = `${request.staging}/${request.form}`;
  const form = { backend: request.backend, tarPath, target };
  const dependent = await span('index layer', '', () => makeFormIfAlone(form, sink.entries));
  return { algorithm: 'sha256', hex, size, dependent };
};
