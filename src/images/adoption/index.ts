export { adoptDocker } from './adopt-docker.ts';
export { adoptionErrors } from './errors.ts';
export type { AdoptionFailure, AdoptionParts, AdoptionReport, AdoptRequest } from './types.ts';
