import { excerpt } from './source-text.ts';
import type { Dockerfile, SourceRange } from './types.ts';

/** Where something is wrong, as errors say it. */
export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** The lines themselves, and some around them. */
  readonly excerpt: string;
}

/** File, line and excerpt of a range of a Dockerfile. */
export const placeOf = (file: Dockerfile, range: SourceRange): Place => ({
  file: file.name,
  line: range.start.line,
  excerpt: excerpt(file.source, range),
});

/** What stands behind the message of an error: its place, on lines of their own. */
export const shownPlace = (place: Place): string => `\n${place.file}:${place.line}\n${place.excerpt}`;
