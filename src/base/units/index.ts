export { humanDuration, parseDuration } from './durations.ts';
export { parseInstant } from './instants.ts';
