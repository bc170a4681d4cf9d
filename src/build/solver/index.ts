export type * from './types.ts';
export { solverErrors } from './errors.ts';
export { createFlights, type Flights } from './flights.ts';
export { createMemoryCache } from './memory-cache.ts';
export { solve, type SolveOptions } from './solve.ts';
