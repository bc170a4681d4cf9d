import type { BuildStep } from '#plan';
import type { BuildEvent } from './events.ts';
import type { BuildSummary, LogEntry, StepTrace } from './types.ts';

/** Gathers what a build's events say of its steps. */
export interface StepLedger {
  add(entry: LogEntry): void;
  /** `ended`: what still runs then was never finished. */
  steps(ended: boolean): readonly StepTrace[];
  readonly warnings: readonly string[];
  readonly counts: BuildSummary['counts'];
}

const begun = (step: BuildStep, at: number, more: Partial<StepTrace>): StepTrace => ({
  ...step,
  state: 'running',
  startedAt: at,
  durationMs: 0,
  reasons: [],
  ...more,
});

const afterEvent = (known: StepTrace | undefined, event: BuildEvent, at: number): StepTrace | undefined => {
  switch (event.kind) {
    case 'step-started':
      return begun(event.step, at, { reasons: event.reasons });
    case 'step-cached':
      return begun(event.step, at, { state: 'cached' });
    case 'step-done': {
      const { durationMs, layerSize } = event;
      return { ...(known ?? begun(event.step, at, {})), state: 'done', durationMs, layerSize };
    }
    case 'step-failed': {
      const { durationMs, message } = event;
      return { ...(known ?? begun(event.step, at, {})), state: 'failed', durationMs, message };
    }
    case 'step-cancelled': {
      const step = known ?? begun(event.step, at, {});
      return { ...step, state: 'cancelled', durationMs: at - step.startedAt };
    }
    case 'build-started':
    case 'step-kept':
    case 'step-log':
    case 'warning':
    case 'status':
    case 'pull':
      return undefined;
    default:
      return event satisfies never;
  }
};

export const createStepLedger = (): StepLedger => {
  const steps = new Map<string, StepTrace>();
  const warnings: string[] = [];
  const countOf = (wanted: (step: StepTrace) => boolean): number => {
    let count = 0;
    for (const step of steps.values()) if (wanted(step)) count += 1;
    return count;
  };
  return {
    add(entry) {
      if (entry.kind !== 'event') return;
      const { event, at } = entry;
      if (event.kind === 'warning') warnings.push(event.message);
      if (!('step' in event) || event.step === undefined) return;
      const next = afterEvent(steps.get(event.step.id), event, at);
      if (next !== undefined) steps.set(event.step.id, next);
    },
    steps: (ended) =>
      Array.from(steps.values(), (step): StepTrace =>
        ended && step.state === 'running' ? { ...step, state: 'unfinished' } : step,
      ).toSorted((a, b) => a.index - b.index),
    warnings,
    get counts() {
      return {
        total: steps.values().next().value?.total ?? 0,
        cached: countOf((step) => step.state === 'cached'),
        executed: countOf((step) => step.state === 'done' && step.kind === 'filesystem'),
      };
    },
  };
};
