import { serveJobs, type JobContext } from '#work';
import { commitUpper, findChanges } from './commit-job.ts';
import { diskUsage } from './disk-usage.ts';
import { makeFormFromTar } from './form.ts';
import type { LayerJob, LayerJobResult } from './jobs.ts';
import { unpack } from './unpack-job.ts';

type Execute<J extends LayerJob> = (
  job: J,
  cancelled: () => boolean,
) => Promise<LayerJobResult> | LayerJobResult;

const EXECUTE: { readonly [K in LayerJob['kind']]: Execute<Extract<LayerJob, { readonly kind: K }>> } = {
  unpack,
  form(job) {
    makeFormFromTar(job);
    return undefined;
  },
  changes: findChanges,
  commit: commitUpper,
  usage: diskUsage,
};

const execute = (job: LayerJob, context: JobContext): Promise<LayerJobResult> | LayerJobResult => {
  const run = EXECUTE[job.kind] as Execute<LayerJob>;
  return run(job, () => context.cancelled());
};

serveJobs<LayerJob, LayerJobResult>(execute);
