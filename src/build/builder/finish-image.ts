import type { StepResult } from '#cache';
import type { DiffId, HistoryEntry, ImageConfig } from '#oci';
import type { PlannedStage } from '#plan';

const COMMENT = 'buildkit.dockerfile.v0';

/** A stage's result with that of each of its own steps that touched files. */
export interface StageResult {
  readonly planned: PlannedStage;
  /** By index of the step in the stage. */
  readonly results: ReadonlyMap<number, StepResult>;
}

interface FinishOptions {
  /** RFC 3339; undefined for the times at which steps were carried out. */
  readonly epoch: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

interface Chain {
  readonly history: HistoryEntry[];
  readonly diffIds: DiffId[];
  created: string | undefined;
}

/**
 * Adds a stage's steps. A step without a layer takes the time of the layer before it, so that a build that is wholly
 * cached gives the same bytes again.
 */
const addStage = (chain: Chain, { planned, results }: StageResult, epoch: string | undefined): void => {
  for (const [index, step] of planned.steps.entries()) {
    const result = results.get(index);
    const hasLayer = result?.own !== undefined;
    if (hasLayer) {
      chain.diffIds.push(result.own);
      chain.created = result.created;
    }
    const created = epoch ?? chain.created;
    chain.history.push({
      ...(created === undefined ? {} : { created }),
      createdBy: step.createdBy,
      comment: COMMENT,
      ...(hasLayer ? {} : { emptyLayer: true }),
    });
  }
};

/** The configuration of the image that a chain of stages (lowest first) makes. The same input gives the same bytes. */
export const finishImage = (stages: readonly StageResult[], options: FinishOptions): ImageConfig => {
  const first = stages[0]?.planned.baseConfig;
  const target = stages.at(-1)?.planned;
  if (first === undefined || target === undefined) throw new Error('an image needs a stage');
  const chain: Chain = {
    history: [...first.history],
    diffIds: [...first.rootfs.diffIds],
    created: first.created,
  };
  for (const stage of stages) addStage(chain, stage, options.epoch);
  const labels = { ...target.config.Labels, ...options.labels };
  const created = options.epoch ?? chain.created;
  const { author } = target;
  return {
    os: first.os,
    architecture: first.architecture,
    ...(first.variant === undefined ? {} : { variant: first.variant }),
    ...(first.osVersion === undefined ? {} : { osVersion: first.osVersion }),
    ...(created === undefined ? {} : { created }),
    ...(author === undefined ? {} : { author }),
    config: { ...target.config, Labels: labels },
    rootfs: { diffIds: chain.diffIds },
    history: chain.history,
  };
};
