import { serveJobs } from '#work';
import { makeSbom, type SbomJob, type SbomMade } from './sbom-job.ts';

serveJobs<SbomJob, SbomMade>(makeSbom);
