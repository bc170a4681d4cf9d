import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { encodeBuildLine } from '#api';
import { scratchOf } from '#builder';
import { drained } from '#http';
import type { BuildOrder } from './build-request.ts';
import type { JsonLines } from './json-lines.ts';

/** A destination that means: send it back with the answer. */
const BACK = '-';
const CHUNK_BYTES = 192 * 1024;

type Outputs = NonNullable<BuildOrder['outputs']>;

/** Outputs for a client that does not see this machine's files; they go when disposed. */
export interface FetchedOutputs extends AsyncDisposable {
  readonly order: BuildOrder;
  /** Sends what was written, one output after another, as slowly as the client reads. */
  send(lines: JsonLines, to: Writable): Promise<void>;
}

const isBack = (output: Outputs[number]): boolean => 'destination' in output && output.destination === BACK;

/** Gives every output that is to be sent back a file below the builder's scratch directory. */
export const hostOutputs = (rootPath: string, order: BuildOrder): FetchedOutputs => {
  const outputs = order.outputs ?? [];
  if (!outputs.some(isBack))
    return { order, send: () => Promise.resolve(), [Symbol.asyncDispose]: () => Promise.resolve() };
  // Made by the output that writes there: a builder that begins empties its scratch directory first.
  const folder = join(scratchOf(rootPath), `outputs-${randomUUID()}`);
  const pathOf = (index: number): string => join(folder, `${index}.tar`);
  const placed = outputs.map((output, index) =>
    isBack(output) ? { ...output, destination: pathOf(index) } : output,
  );
  return {
    order: { ...order, outputs: placed },
    async send(lines, to) {
      for (const [index, output] of outputs.entries()) {
        if (!isBack(output)) continue;
        for await (const chunk of createReadStream(pathOf(index), { highWaterMark: CHUNK_BYTES })) {
          const data = (chunk as Buffer).toString('base64');
          lines.writeText(encodeBuildLine({ kind: 'output', index, data }));
          await drained(to);
        }
      }
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
};
