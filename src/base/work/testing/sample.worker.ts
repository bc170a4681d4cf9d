import { defineErrors } from '#errors';
import { setTimeout } from 'node:timers/promises';
import { serveJobs } from '../serve-jobs.ts';

const errors = defineErrors('work-sample', {
  refused: { kind: 'conflict', message: (p: { what: string }) => `refused ${p.what}`, hint: 'ask again' },
});

export type SampleRequest =
  | { readonly kind: 'echo'; readonly value: number }
  | { readonly kind: 'fail' }
  | { readonly kind: 'exit' }
  | { readonly kind: 'sleep'; readonly ms: number }
  | { readonly kind: 'spin' };

const endProcess = (): number => process.exit(3);

const spins = { count: 0 };

serveJobs<SampleRequest, number>(async (request, context) => {
  switch (request.kind) {
    case 'echo':
      return request.value;
    case 'fail':
      throw errors.refused({ what: 'it' });
    case 'exit':
      return endProcess();
    case 'sleep':
      await setTimeout(request.ms);
      return request.ms;
    default:
      while (!context.cancelled()) spins.count++;
      return spins.count;
  }
});
