import { doInSlices, nearest, placeOf, type Pieces, type SourceRange } from '#dockerfile';
import { toLadeError, type LadeError } from '#errors';
import type { Emit } from '#events';
import { formatPlatform } from '#oci';
import { outlineOf, stagePlatform, numberStages, stageNames, type OutlinedStage } from '#plan';
import { findBaseImage, type BaseImage } from './base-images.ts';
import type { Draft } from './draft.ts';
import { builderErrors } from './errors.ts';
import type { BuildEvent } from './types.ts';

/** The images that the needed stages stand on or take files from. */
export interface Bases {
  readonly byStage: ReadonlyMap<number, BaseImage>;
  readonly byReference: ReadonlyMap<string, BaseImage>;
  /** The stages that were looked at. */
  readonly stages: ReadonlySet<number>;
}

/** Says which image could not be had, and where it is named. */
const baseFailure = (draft: Draft, reference: string, range: SourceRange, error: unknown): LadeError => {
  const failure = toLadeError(error);
  const nearby = nearest(reference, stageNames(draft.file.stages), { ignoreCase: true });
  const more = { reference, reason: failure.message, nearby, ...placeOf(draft.file, range) };
  if (failure.kind === 'not-found') return builderErrors.baseNotFound(more, error);
  if (failure.kind === 'unavailable' || failure.kind === 'timeout')
    return builderErrors.baseUnavailable(more, error);
  return failure;
};

/** Looks each image up once, however many stages name it; the first to ask tells of its progress. */
const createFinder = ({ tools, request }: Draft) => {
  const found = new Map<string, Promise<BaseImage>>();
  return (wanted: Parameters<typeof findBaseImage>[1], emit: Emit<BuildEvent>): Promise<BaseImage> => {
    const key = `${wanted.reference} ${formatPlatform(wanted.platform)} ${String(wanted.strict)}`;
    const known = found.get(key);
    if (known !== undefined) return known;
    const image = findBaseImage({ library: tools.library, request, emit, named: tools.named }, wanted);
    found.set(key, image);
    return image;
  };
};

type Finder = ReturnType<typeof createFinder>;

const findStageBases = async (
  draft: Draft,
  find: Finder,
  known: Bases | undefined,
): Promise<Bases['byStage']> => {
  const { outline: stages, request, platform, emit } = draft;
  const steps = numberStages(stages);
  const findFor = async ({
    index,
    base,
  }: OutlinedStage): Promise<readonly (readonly [number, BaseImage])[]> => {
    const step = steps.get(index);
    if (step === undefined || known?.stages.has(index) === true) return [];
    emit({ kind: 'step-started', step, reasons: [] });
    const from = performance.now();
    try {
      if (base.kind !== 'image') {
        emit({ kind: 'step-done', step, durationMs: 0 });
        return [];
      }
      const wanted = {
        reference: base.reference,
        platform: stagePlatform(base.platform, platform),
        strict: base.platform !== undefined || (request.platforms ?? []).length > 0,
      };
      const tell: Emit<BuildEvent> = (event) => emit(event.kind === 'pull' ? { ...event, step } : event);
      const image = await find(wanted, tell);
      emit({ kind: 'step-done', step, durationMs: performance.now() - from, layer: image.id });
      return [[index, image] as const];
    } catch (error) {
      const failure = baseFailure(draft, base.kind === 'image' ? base.reference : '', step.range, error);
      emit({ kind: 'step-failed', step, message: failure.message, durationMs: performance.now() - from });
      throw failure;
    }
  };
  function* begin(): Pieces<readonly ReturnType<typeof findFor>[]> {
    const jobs: ReturnType<typeof findFor>[] = [];
    for (const stage of stages.needed) {
      const job = findFor(stage);
      // Whoever waits for all of them gets the error.
      job.catch(() => undefined);
      jobs.push(job);
      yield;
    }
    return jobs;
  }
  const found = await Promise.all(await doInSlices(begin(), request.signal));
  return new Map([...(known?.byStage ?? []), ...found.flat()]);
};

/** Finds them, on this machine or in their registries; tells the FROM steps. What is `known` is not looked for again. */
const findMore = async (draft: Draft, find: Finder, known: Bases | undefined): Promise<Bases> => {
  const { outline, request, platform, emit } = draft;
  const byStage = await findStageBases(draft, find, known);
  const strict = (request.platforms ?? []).length > 0;
  const images = await Promise.all(
    Array.from(outline.images, async ([reference, range]) => {
      try {
        return [reference, await find({ reference, platform, strict }, emit)] as const;
      } catch (error) {
        throw baseFailure(draft, reference, range, error);
      }
    }),
  );
  const stages = new Set(outline.needed.map(({ index }) => index));
  return { byStage, byReference: new Map(images), stages };
};

const imageTriggersOf = ({ byStage }: Bases): ReadonlyMap<number, readonly string[]> =>
  new Map(
    Array.from(byStage, ([index, { config }]) => [index, config.config.OnBuild ?? []] as const).filter(
      ([, triggers]) => triggers.length > 0,
    ),
  );

/**
 * Finds the images that the needed stages stand on or take files from. ONBUILD instructions of images may name more
 * stages and images: the draft that comes back knows them.
 */
export const findBases = async (draft: Draft): Promise<{ readonly draft: Draft; readonly bases: Bases }> => {
  const find = createFinder(draft);
  const { file, globals, request, all } = draft;
  let bases = await findMore(draft, find, undefined);
  let settled = draft;
  for (let known = 0; ;) {
    const imageTriggers = imageTriggersOf(bases);
    if (imageTriggers.size === known) return { draft: settled, bases };
    known = imageTriggers.size;
    const input = { file, globals, target: request.target, all, imageTriggers };
    settled = { ...settled, outline: await doInSlices(outlineOf(input), request.signal) };
    bases = await findMore(settled, find, bases);
  }
};
