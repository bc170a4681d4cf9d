export type * from './types.ts';
export { dockerfileErrors } from './errors.ts';
export { expandWord, type ExpandOptions, type Expansion, type Variables } from './shell-words.ts';
