import { serveJobs } from '#work';
import { compareJob, type CompareJob } from './compare-job.ts';

serveJobs<CompareJob, undefined>((job, context) => compareJob(job, () => context.cancelled()));
