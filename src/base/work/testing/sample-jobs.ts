import { defineErrors } from '#errors';
import { setTimeout } from 'node:timers/promises';
import { llistXattr } from '#sys';
import { serveJobs } from '../serve-jobs.ts';

const errors = defineErrors('work-sample', {
  refused: { kind: 'conflict', message: (p: { what: string }) => `refused ${p.what}`, hint: 'ask again' },
});

export type SampleRequest =
  | { readonly kind: 'echo'; readonly value: number }
  | { readonly kind: 'fail' }
  | { readonly kind: 'exit' }
  | { readonly kind: 'sleep'; readonly ms: number }
  | { readonly kind: 'spin' }
  /** Tells in the cell that it runs. */
  | { readonly kind: 'mark'; readonly cell: Int32Array }
  /** Tells in the cell that it now loads the native addon. */
  | { readonly kind: 'native'; readonly cell: Int32Array };

const endProcess = (): number => process.exit(3);

const spins = { count: 0 };

serveJobs<SampleRequest, number>(async (request, context) => {
  if (request.kind === 'echo') return request.value;
  if (request.kind === 'fail') throw errors.refused({ what: 'it' });
  if (request.kind === 'exit') return endProcess();
  if (request.kind === 'sleep') return await setTimeout(request.ms, request.ms);
  if (request.kind === 'mark') return Atomics.add(request.cell, 0, 1);
  if (request.kind === 'native') {
    Atomics.store(request.cell, 0, 1);
    return llistXattr('/').length;
  }
  while (!context.cancelled()) spins.count++;
  return spins.count;
});
