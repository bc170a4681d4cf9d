import { join } from 'node:path';
import { staged, type Core } from './adopt.ts';
import { formName } from './backend.ts';
import { serveRoom } from './room-port.ts';
import { serveGrowth, serveShared, serveStream, type SourcePort } from './source-port.ts';
import type { WorkerSource } from './source-bytes.ts';
import type { StoredTar } from './unpack-job.ts';
import type { LayerInfo, LayerSource, UnpackOptions } from './types.ts';

const servedSource = (source: LayerSource): { readonly served: WorkerSource; readonly port?: SourcePort } => {
  if (source.kind === 'stream') {
    // What unpacks gzip and zstd keeps chunks for a while, and needs them to be its own.
    if (source.compression !== 'none') {
      const port = serveStream(source.stream);
      return { served: { kind: 'port', port: port.port }, port };
    }
    const port = serveShared(source.stream);
    return { served: { kind: 'port', port: port.port, slots: port.slots }, port };
  }
  const { path, growing } = source;
  if (growing === undefined) return { served: { kind: 'file', path } };
  const port = serveGrowth(growing);
  return { served: { kind: 'file', path, growth: port.port }, port };
};

/** Unpacks a source into a staging directory: the tar and, where it does not depend on what is below, its form. */
export const unpackInto = async (
  core: Core,
  source: LayerSource,
  { staging, options }: { readonly staging: string; readonly options: UnpackOptions },
): Promise<StoredTar> => {
  const { served, port } = servedSource(source);
  using room = serveRoom(() => core.makeRoom.run());
  const ports = [...(port === undefined ? [] : [port.port]), room.request.port];
  const { among, expected, signal } = options;
  const { backend } = core;
  const form = { backend, tarPath: join(staging, 'layer.tar'), target: join(staging, formName(backend)) };
  try {
    return await core.jobs.unpack(
      {
        source: served,
        compression: source.compression,
        expected,
        form,
        among: among !== undefined,
        room: room.request,
      },
      { signal, ports, weight: among?.bytes },
    );
  } catch (error) {
    throw port?.failure === undefined ? error : port.failure.reason;
  } finally {
    port?.[Symbol.dispose]();
  }
};

/** Stores the layer of a source; leaves nothing when that fails. */
export const unpackNew = (core: Core, source: LayerSource, options: UnpackOptions): Promise<LayerInfo> =>
  staged(core, (staging) => unpackInto(core, source, { staging, options }), options.lease);
