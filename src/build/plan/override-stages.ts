import type { CopyInstruction, Dockerfile, RunInstruction, Stage, StageInstruction } from '#dockerfile';
import { canonicalString, parseReference } from '#oci';
import type { NamedContext } from '#sources';

type Contexts = Readonly<Record<string, NamedContext>>;

/** A name in its full form, so that `alpine` and `docker.io/library/alpine:latest` are one. */
const fullName = (name: string): string => {
  try {
    return canonicalString(parseReference(name, { defaultTag: true }));
  } catch {
    return name.toLowerCase();
  }
};

/**
 * The named context that stands for `name`: one for this platform alone (`name::linux/arm64`) before one for all. A
 * tag or a registry that is usual may be left out on either side.
 */
export const contextNamed = (
  contexts: Contexts,
  name: string,
  platform?: string,
): NamedContext | undefined => {
  const keys = Object.keys(contexts);
  const matches = (key: string): boolean =>
    key.toLowerCase() === name.toLowerCase() || fullName(key) === fullName(name);
  const own = keys.find((key) => {
    const split = key.lastIndexOf('::');
    return split > 0 && key.slice(split + 2) === platform && matches(key.slice(0, split));
  });
  const found = own ?? keys.find((key) => !key.includes('::') && matches(key));
  return found === undefined ? undefined : contexts[found];
};

const targetOf = (contexts: Contexts, name: string): string | undefined => {
  const context = contextNamed(contexts, name);
  return context?.kind === 'target' ? context.stage : undefined;
};

const overrideInstruction = (contexts: Contexts, instruction: StageInstruction): StageInstruction => {
  if (instruction.kind === 'copy' && instruction.from !== undefined) {
    const stage = targetOf(contexts, instruction.from.value);
    const copy: CopyInstruction = instruction;
    return stage === undefined ? instruction : { ...copy, from: { ...instruction.from, value: stage } };
  }
  if (instruction.kind !== 'run') return instruction;
  const run: RunInstruction = instruction;
  const mounts = run.mounts.map((word) => ({
    ...word,
    value: word.value.replace(/(^|,)from=([^,]*)/u, (text, before: string, name: string) => {
      const stage = targetOf(contexts, name);
      return stage === undefined ? text : `${before}from=${stage}`;
    }),
  }));
  return { ...run, mounts };
};

const overrideStage = (contexts: Contexts, stage: Stage): Stage => {
  const { from } = stage;
  const name = from.name?.value;
  const context = name === undefined ? undefined : contextNamed(contexts, name);
  if (name !== undefined && context !== undefined && context.kind !== 'target')
    return { from: { ...from, image: { ...from.image, value: name } }, instructions: [] };
  const target = targetOf(contexts, from.image.value);
  return {
    from: target === undefined ? from : { ...from, image: { ...from.image, value: target } },
    instructions: stage.instructions.map((each) => overrideInstruction(contexts, each)),
  };
};

/**
 * The file as named contexts make it: a stage of such a name is that context and nothing else, and a name that means
 * another stage (`target:`) is replaced by it. Images of such names are found as contexts later.
 */
export const overrideStages = (file: Dockerfile, contexts: Contexts): Dockerfile =>
  Object.keys(contexts).length === 0
    ? file
    : { ...file, stages: file.stages.map((stage) => overrideStage(contexts, stage)) };
