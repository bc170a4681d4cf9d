import type { SourceRange } from '#dockerfile';
import { toLadeError, type LadeError } from '#errors';
import type { Emit } from '#events';
import { findBaseImage, stagePlatform, type BaseImage } from './base-images.ts';
import type { Draft } from './draft.ts';
import { builderErrors } from './errors.ts';
import { placeOf } from './outline.ts';
import { numberStages } from './progress.ts';
import type { BuildEvent } from './types.ts';

/** The images that the needed stages stand on or take files from. */
export interface Bases {
  readonly byStage: ReadonlyMap<number, BaseImage>;
  readonly byReference: ReadonlyMap<string, BaseImage>;
}

/** Says which image could not be had, and where it is named. */
const baseFailure = (draft: Draft, reference: string, range: SourceRange, error: unknown): LadeError => {
  const failure = toLadeError(error);
  const more = { reference, reason: failure.message, ...placeOf(draft.file, range) };
  if (failure.kind === 'not-found') return builderErrors.baseNotFound(more, error);
  if (failure.kind === 'unavailable' || failure.kind === 'timeout')
    return builderErrors.baseUnavailable(more, error);
  return failure;
};

const findStageBases = async (draft: Draft): Promise<Bases['byStage']> => {
  const { outline: stages, request, tools, platform, emit } = draft;
  const steps = numberStages(stages);
  const found = await Promise.all(
    stages.needed.map(async ({ index, base }) => {
      const step = steps.get(index);
      if (step === undefined) return [];
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
        const image = await findBaseImage({ library: tools.library, request, emit: tell }, wanted);
        emit({ kind: 'step-done', step, durationMs: performance.now() - from, layer: image.id });
        return [[index, image] as const];
      } catch (error) {
        const failure = baseFailure(draft, base.kind === 'image' ? base.reference : '', step.range, error);
        emit({ kind: 'step-failed', step, message: failure.message, durationMs: performance.now() - from });
        throw failure;
      }
    }),
  );
  return new Map(found.flat());
};

/** Finds them, on this machine or in their registries; tells the FROM steps. */
export const findBases = async (draft: Draft): Promise<Bases> => {
  const { outline: stages, request, tools, platform, emit } = draft;
  const byStage = await findStageBases(draft);
  const dependencies = { library: tools.library, request, emit };
  const images = await Promise.all(
    Array.from(stages.images, async ([reference, range]) => {
      const strict = (request.platforms ?? []).length > 0;
      try {
        return [reference, await findBaseImage(dependencies, { reference, platform, strict })] as const;
      } catch (error) {
        throw baseFailure(draft, reference, range, error);
      }
    }),
  );
  return { byStage, byReference: new Map(images) };
};
