import type { TarSource } from '#tar';
import { KINDS } from './cases-kinds.ts';
import { LINKS } from './cases-links.ts';
import { NAMES } from './cases-names.ts';
import { REPLACING } from './cases-replacing.ts';
import { STACKS } from './cases-stacks.ts';
import { WHITEOUTS } from './cases-whiteouts.ts';
import { ATTRIBUTES } from './cases-attributes.ts';

/** Layers, bottom first: entries to be written, or the bytes of a tar as they are. */
export type CaseLayer = readonly TarSource[] | Buffer;
export type Cases = Readonly<Record<string, readonly CaseLayer[]>>;

/** Stacks whose result another tool is asked for. */
export const CASES: Cases = {
  ...KINDS,
  ...ATTRIBUTES,
  ...NAMES,
  ...WHITEOUTS,
  ...REPLACING,
  ...LINKS,
  ...STACKS,
};
