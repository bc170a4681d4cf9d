import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { PassThrough } from 'node:stream';
import { LadeError } from '#errors';
import type { BuildOrder } from './build-options.ts';
import { cliErrors } from './errors.ts';
import { extractTar } from './extract-tar.ts';
import { writeOutputFile } from './output-file.ts';

type Output = NonNullable<BuildOrder['outputs']>[number];

/** Where an output goes on this machine: an archive, or a folder or an OCI layout that one is unpacked into. */
interface Sink {
  readonly kind: 'file' | 'folder' | 'layout';
  readonly path: string;
}

/** Outputs that a daemon elsewhere sends back, and that are written here. */
export interface FetchedOutputs {
  /** The order as the daemon gets it. */
  readonly order: BuildOrder;
  /** Takes a piece of the output with this number. */
  take(index: number, data: Buffer): Promise<void>;
  /** All have come; returns when they are written. */
  finish(): Promise<void>;
  /** Not all will come: removes files that are not whole. */
  abandon(): Promise<void>;
}

/** The output as the daemon makes it, and where it goes here; undefined for what stays there. */
const split = (output: Output): readonly [Output, Sink | undefined] => {
  if (!('destination' in output)) return [output, undefined];
  const { destination: path } = output;
  if (output.kind === 'local') {
    if (output.mode === 'delete')
      throw cliErrors.notSupported({
        feature: '--output type=local,mode=delete in a build on another machine',
        instead: 'empty the directory first',
      });
    const { platformSplit } = output;
    return [
      { kind: 'tar', destination: '-', ...(platformSplit === undefined ? {} : { platformSplit }) },
      { kind: 'folder', path },
    ];
  }
  if (output.kind === 'oci' && !output.tar)
    return [
      { ...output, destination: '-', tar: true },
      { kind: 'layout', path },
    ];
  return [
    { ...output, destination: '-' },
    { kind: 'file', path },
  ];
};

const writeFile = async (path: string, stream: PassThrough): Promise<void> => {
  try {
    mkdirSync(dirname(path), { recursive: true });
    await writeOutputFile(stream, path, 0o666);
  } catch (error) {
    if (error instanceof LadeError) throw error;
    const problem = error instanceof Error ? error.message : String(error);
    throw cliErrors.fileUnwritable({ path, problem }, error);
  }
};

const unpack = async (folder: string, stream: PassThrough): Promise<void> => {
  mkdirSync(folder, { recursive: true });
  const keepOwners = process.getuid?.() === 0;
  await extractTar(stream, { folder, rename: undefined, keepOwners, mustBeFolder: false });
};

/** It adds to what is there as the daemon itself does. */
const unpackLayout = async (path: string, stream: PassThrough): Promise<void> => {
  const { fetchLayout } = await import('./fetch-layout.ts');
  await fetchLayout(path, stream);
};

const WRITERS: Readonly<Record<Sink['kind'], (path: string, stream: PassThrough) => Promise<void>>> = {
  file: writeFile,
  folder: unpack,
  layout: unpackLayout,
};

const CHUNKS = 4 << 20;

/** Rewrites an order so that its outputs come back, and writes them where they were wanted. */
export const fetchOutputs = (order: BuildOrder): FetchedOutputs => {
  const pairs = (order.outputs ?? []).map(split);
  const open = new Map<number, { readonly stream: PassThrough; readonly written: Promise<void> }>();
  const start = (index: number, sink: Sink) => {
    const stream = new PassThrough({ highWaterMark: CHUNKS });
    const written = WRITERS[sink.kind](sink.path, stream);
    // Told when it is waited for; until then writing to the stream only fails.
    written.catch((error: unknown) => stream.destroy(error instanceof Error ? error : undefined));
    stream.on('error', () => undefined);
    open.set(index, { stream, written });
    return { stream, written };
  };
  return {
    order: pairs.length === 0 ? order : { ...order, outputs: pairs.map(([output]) => output) },
    async take(index, data) {
      const sink = pairs[index]?.[1];
      if (sink === undefined) return;
      const { stream, written } = open.get(index) ?? start(index, sink);
      if (stream.destroyed) return await written;
      if (!stream.write(data))
        await Promise.race([new Promise((resolve) => void stream.once('drain', resolve)), written]);
    },
    async finish() {
      for (const [index, [, sink]] of pairs.entries()) {
        if (sink === undefined) continue;
        const { stream, written } = open.get(index) ?? start(index, sink);
        stream.end();
        await written;
      }
    },
    async abandon() {
      for (const { stream } of open.values()) stream.destroy();
      await Promise.allSettled([...open.values()].map(({ written }) => written));
    },
  };
};
