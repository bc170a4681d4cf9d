import type { BuildStepView } from './build-progress.ts';
import { visible } from './visible.ts';

/** Whether a step is shown: what only changes the configuration takes no time, and scratch is nothing. */
export const isShown = (step: BuildStepView): boolean =>
  step.inStage !== undefined || step.kind === undefined || step.kind === 'filesystem';

const stageText = (stage: string): string => {
  if (!/^\d+$/.test(stage)) return stage;
  return stage === '0' ? '' : `stage-${stage}`;
};

/** `[linux/arm64 build 2/6] RUN npm ci`, with platform and stage where there is more than one. */
export const stepTitle = (step: BuildStepView): string => {
  const { index, total } = step.inStage ?? step;
  const words = [step.platform ?? '', stageText(step.stage), `${index}/${total}`].filter(
    (word) => word !== '',
  );
  return visible(`[${words.join(' ')}] ${step.name.split('\n', 1)[0] ?? ''}`);
};

/** The warnings of a build, which are told at its end. */
export const warningLines = (warnings: readonly string[]): readonly string[] => {
  if (warnings.length === 0) return [];
  const count = warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`;
  return ['', ` ${count} found:`, ...warnings.map((warning) => ` - ${visible(warning)}`)];
};

/** How to get into what a failed step left. */
export const keptMessage = ({ build }: { readonly build: string }): string =>
  visible(`what the failed step left is kept: lade debug ${build} opens a shell in it`);
