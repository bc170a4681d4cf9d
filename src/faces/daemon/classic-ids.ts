import { createHash, randomBytes } from 'node:crypto';
import type { BuildStep } from '#builder';

const SHORT_ID = 12;

/** The first characters of an identifier, as Docker's builder prints it. */
export const shortImageId = (id: string): string => id.replace(/^sha256:/, '').slice(0, SHORT_ID);

/** A name for the container of a RUN step. */
export const containerName = (): string => randomBytes(SHORT_ID / 2).toString('hex');

/**
 * Names for what stands after each step. Docker's builder makes an image after every step; Lade makes one at the end, so
 * these names only say whether two builds came to the same point.
 */
export const createClassicIds = (): ((step: BuildStep, layer: string | undefined) => string) => {
  /** The last name of each stage, by the stage's name. */
  const stages = new Map<string, string>();
  return (step, layer) => {
    let id: string;
    if (step.kind === 'source') {
      const base = step.name.split(' ').find((word, at) => at > 0 && !word.startsWith('--')) ?? '';
      id = layer === undefined ? (stages.get(base.toLowerCase()) ?? '') : shortImageId(layer);
    } else {
      const parts = [stages.get(step.stage) ?? '', step.name, layer ?? ''];
      id = createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, SHORT_ID);
    }
    stages.set(step.stage, id);
    return id;
  };
};
