export type * from './types.ts';
export { dockerfileErrors } from './errors.ts';
export { parseDockerfile, parseDockerfileInSlices, parseTrigger, type ParseOptions } from './parse.ts';
export { doAll, doInSlices, type Pieces } from './slices.ts';
export { CHECK_DESCRIPTIONS, findingOf } from './check-rules.ts';
export { isWanted, withComments } from './check-options.ts';
export { parseStatements, type Statements } from './statements.ts';
export { mountFrom, parseRunMount } from './run-mount.ts';
export { detectSyntax } from './directives.ts';
export { healthcheckOf } from './healthcheck.ts';
export { heredocText, parseHeredocWord } from './heredocs.ts';
export { excerpt } from './source-text.ts';
export { placeOf, shownPlace, type Place } from './place.ts';
export { closest, didYouMean, nearest } from './suggest.ts';
export { expandWord, type ExpandOptions, type Expansion, type Variables } from './shell-words.ts';
export {
  cleanPath,
  createPatternMatcher,
  parseIgnoreFile,
  type DirectoryState,
  type Judgement,
  type PatternMatcher,
} from './patterns.ts';
