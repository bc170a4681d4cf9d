export type * from './types.ts';
export { solverErrors } from './errors.ts';
export { createMemoryCache } from './memory-cache.ts';
export { solve, type SolveOptions } from './solve.ts';
