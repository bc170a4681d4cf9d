export { createUpstreams, type RefreshedTag, type Upstreams } from './pull-through.ts';
export { upstreamsSettings } from './settings.ts';
export { upstreamErrors } from './errors.ts';
export type { UpstreamCounters, UpstreamSettings, UpstreamStatus } from './types.ts';
