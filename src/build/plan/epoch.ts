import type { KeyPart } from '#solver';
import { planErrors } from './errors.ts';
import type { PlannedStage } from './stages.ts';
import { givenValue, type GlobalScope } from './variables.ts';

/** What a build says of times: nothing, that they stay as they are, or the latest one that may be in the image. */
export type GivenEpoch =
  | { readonly kind: 'default' }
  | { readonly kind: 'kept' }
  | { readonly kind: 'given'; readonly seconds: bigint };

/** What times in the layers of a stage are clamped to, and how that counts for their keys. */
export interface StageEpoch {
  /** Nanoseconds; undefined where times stay as they are. */
  readonly clampToNs: bigint | undefined;
  /** Counts for every step. */
  readonly parts: readonly KeyPart[];
  /** Counts together with the base image: the rule takes its time. */
  readonly ofBase: string;
}

const NAME = 'SOURCE_DATE_EPOCH';
const NS_PER_SECOND = 1_000_000_000n;

/**
 * SOURCE_DATE_EPOCH as a build argument, or as a global ARG with a default; empty means that times are kept.
 *
 * @throws `BUILDER_BAD_EPOCH`
 */
export const readEpoch = (globals: GlobalScope): GivenEpoch => {
  const value = givenValue(globals.buildArgs, NAME) ?? globals.declared.get(NAME);
  if (value === undefined) return { kind: 'default' };
  if (value.trim() === '') return { kind: 'kept' };
  if (!/^\d{1,12}$/u.test(value.trim())) throw planErrors.badEpoch({ value });
  return { kind: 'given', seconds: BigInt(value.trim()) };
};

/** Whole seconds of an RFC 3339 time; the epoch for none, or one before it. */
const secondsOf = (created: string | undefined): bigint => {
  const ms = created === undefined ? 0 : Date.parse(created);
  return Number.isFinite(ms) && ms > 0 ? BigInt(Math.floor(ms / 1000)) : 0n;
};

const textOf = (seconds: bigint): string => `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}Z`;

/** The creation time of the image, RFC 3339; undefined when steps keep the times of their making. */
export const createdOf = (given: GivenEpoch, base: string | undefined): string | undefined => {
  if (given.kind === 'kept') return undefined;
  return textOf(given.kind === 'given' ? given.seconds : secondsOf(base));
};

const usesCacheMounts = ({ steps }: PlannedStage): boolean =>
  steps.some(
    ({ operation }) => operation?.kind === 'run' && operation.mounts.some(({ kind }) => kind === 'cache'),
  );

/** A stage and those that it stands on, from the top. */
function* chainFrom(planned: ReadonlyMap<number, PlannedStage>, index: number): Generator<number> {
  for (let at: number | undefined = index; at !== undefined;) {
    yield at;
    const base: PlannedStage['outlined']['base'] | undefined = planned.get(at)?.outlined.base;
    at = base?.kind === 'stage' ? base.stage : undefined;
  }
}

/**
 * Stages beside the image's own that keep the times of their files: compilers with a cache mount there take a source
 * for changed by its time. What the image copies from them is clamped when it is copied.
 */
const keepers = (planned: ReadonlyMap<number, PlannedStage>, target: number): ReadonlySet<number> => {
  const own = new Set(chainFrom(planned, target));
  const found = new Set<number>();
  for (const [index, stage] of planned) {
    if (own.has(index) || !usesCacheMounts(stage)) continue;
    for (const below of chainFrom(planned, index)) {
      if (own.has(below) || found.has(below)) break;
      found.add(below);
    }
  }
  return found;
};

const setting = (value: string, shown: string): readonly KeyPart[] => [
  { kind: 'setting', name: NAME, value, shown },
];

const KEPT: StageEpoch = { clampToNs: undefined, parts: setting('kept', 'kept'), ofBase: '' };
/** COPY --link stands on nothing: the rule is that of scratch. */
const LINKED: StageEpoch = { clampToNs: 0n, parts: setting('linked', '0'), ofBase: '' };

/** The epochs of the stages of one plan. */
export interface Epochs {
  readonly of: (stage: PlannedStage) => StageEpoch;
  /** That of a layer of `stage` that stands by itself. */
  readonly linked: (stage: PlannedStage) => StageEpoch;
}

/** Finds the epoch of each stage: the one that is given, else the time of the base image, 0 for scratch. */
export const epochsOf = (
  given: GivenEpoch,
  planned: ReadonlyMap<number, PlannedStage>,
  target: number,
): Epochs => {
  if (given.kind === 'kept') return { of: () => KEPT, linked: () => KEPT };
  if (given.kind === 'given') {
    const clampToNs = given.seconds * NS_PER_SECOND;
    const epoch = { clampToNs, parts: setting(String(clampToNs), String(given.seconds)), ofBase: '' };
    return { of: () => epoch, linked: () => epoch };
  }
  const kept = keepers(planned, target);
  return {
    of: ({ outlined, baseConfig }) => {
      if (kept.has(outlined.index)) return KEPT;
      const seconds = secondsOf(baseConfig.created);
      return { clampToNs: seconds * NS_PER_SECOND, parts: [], ofBase: String(seconds) };
    },
    linked: ({ outlined }) => (kept.has(outlined.index) ? KEPT : LINKED),
  };
};
