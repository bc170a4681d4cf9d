import {
  CHECK_DESCRIPTIONS,
  excerpt,
  type CheckFinding,
  type Dockerfile,
  type SourceRange,
} from '#dockerfile';
import { isLadeError } from '#errors';
import { formatPlatform, type ImageConfig } from '#oci';
import type {
  DescribedArgument,
  DescribedNeed,
  DescriptionCall,
  BuildDescription,
} from './description-types.ts';
import { planErrors } from './errors.ts';
import type { Outline, OutlinedStage } from './outline.ts';
import { sketchPlan } from './plan.ts';
import type { PlanContext, PlanRequest } from './request.ts';
import { sketchBuild, stagePlatform, type Sketch } from './sketch.ts';
import type { PlannedStage } from './stages.ts';

/** What is described, and what is known for it. */
export interface DescribedBuild {
  readonly request: PlanRequest;
  readonly context: PlanContext;
  /** The configuration of an image that is on this machine; throws where it is not: nothing is fetched. */
  readonly configOf: (reference: string, platform: string | undefined) => ImageConfig;
}

/** Configurations of base images that are on this machine. */
const knownBases = ({ configOf }: DescribedBuild, sketch: Sketch): ReadonlyMap<number, ImageConfig> => {
  const known = new Map<number, ImageConfig>();
  for (const { index, base } of sketch.outline.needed) {
    if (base.kind !== 'image') continue;
    try {
      const platform = formatPlatform(stagePlatform(base.platform, sketch.platform));
      const strict = base.platform !== undefined || (sketch.request.platforms ?? []).length > 0;
      known.set(index, configOf(base.reference, strict ? platform : undefined));
    } catch {
      // Not here: what depends on it is not checked.
    }
  }
  return known;
};

const linesOf = (range: SourceRange) => ({ first: range.start.line, last: range.end.line });

const findingsOf = (file: Dockerfile, findings: readonly CheckFinding[]) =>
  findings
    .map(({ rule, message, range }) => ({
      rule,
      message,
      description: CHECK_DESCRIPTIONS[rule],
      lines: linesOf(range),
      excerpt: excerpt(file.source, range),
    }))
    .toSorted((a, b) => a.lines.first - b.lines.first);

/** What a comment before FROM or ARG says about the name: `# name …`. */
const describedAs = (comments: readonly string[], name: string | undefined): string | undefined =>
  name === undefined
    ? undefined
    : comments.find((comment) => comment.startsWith(`${name} `))?.slice(name.length + 1);

const targetsOf = ({ file }: Sketch): BuildDescription => ({
  kind: 'targets',
  targets: file.stages.map(({ from }, index) => ({
    name: from.name?.value ?? '',
    description: describedAs(from.comments, from.name?.value) ?? '',
    isDefault: index === file.stages.length - 1,
    base: from.image.value,
    platform: from.platform?.value ?? '',
    lines: linesOf(from.range),
  })),
});

/** Arguments that the needed stages use: their own, and global ones that FROM or they refer to. */
const argumentsOf = (
  { file, globals }: Sketch,
  needed: readonly OutlinedStage[],
  planned: ReadonlyMap<number, PlannedStage>,
): readonly DescribedArgument[] => {
  const found = new Map<string, DescribedArgument>();
  const text = needed.map(({ stage }) => `${stage.from.image.value} ${stage.from.platform?.value ?? ''}`);
  const inherited = new Set<string>();
  for (const { stage, index } of needed) {
    for (const instruction of stage.instructions) {
      if (instruction.kind !== 'arg') continue;
      for (const { name, value } of instruction.args) {
        const own = planned.get(index)?.left.args.get(name.value) ?? '';
        const description = describedAs(instruction.comments, name.value) ?? '';
        if (value === undefined && globals.declared.has(name.value)) inherited.add(name.value);
        else
          found.set(name.value, {
            name: name.value,
            value: own,
            description,
            lines: linesOf(instruction.range),
          });
      }
    }
  }
  const used = (name: string): boolean =>
    inherited.has(name) || text.some((words) => new RegExp(`\\$\\{?${name}\\b`, 'u').test(words));
  // From the last to the first: a default may refer to arguments before it.
  for (const instruction of file.globalArgs.toReversed()) {
    for (const { name, value } of instruction.args.toReversed()) {
      if (found.has(name.value) || !used(name.value)) continue;
      text.push(value?.value ?? '');
      found.set(name.value, {
        name: name.value,
        value: globals.values.get(name.value) ?? '',
        description: describedAs(instruction.comments, name.value) ?? '',
        lines: linesOf(instruction.range),
      });
    }
  }
  return [...found.values()].toSorted((a, b) => a.lines.first - b.lines.first);
};

const needsOf = (
  planned: ReadonlyMap<number, PlannedStage>,
  outline: Outline,
  kind: 'secret' | 'ssh' | 'cache',
): readonly DescribedNeed[] => {
  const found = new Map<string, DescribedNeed>();
  for (const { index } of outline.needed) {
    for (const { operation, range } of planned.get(index)?.steps ?? []) {
      if (operation?.kind !== 'run') continue;
      for (const mount of operation.mounts) {
        if (mount.kind !== kind || found.has(mount.id)) continue;
        const required = 'required' in mount && mount.required;
        found.set(mount.id, { name: mount.id, required, lines: linesOf(range) });
      }
    }
  }
  return [...found.values()].toSorted((a, b) => a.lines.first - b.lines.first);
};

const outlineOf = (sketch: Sketch, planned: ReadonlyMap<number, PlannedStage>): BuildDescription => {
  const { outline } = sketch;
  const { from } = outline.target.stage;
  return {
    kind: 'outline',
    name: from.name?.value ?? '',
    description: describedAs(from.comments, from.name?.value) ?? '',
    arguments: argumentsOf(sketch, outline.needed, planned),
    secrets: needsOf(planned, outline, 'secret'),
    ssh: needsOf(planned, outline, 'ssh'),
    caches: needsOf(planned, outline, 'cache'),
  };
};

/** The findings of a build that is not carried out; what makes it impossible is the error of the answer. */
const check = async (build: DescribedBuild): Promise<BuildDescription> => {
  const { request, context } = build;
  let sketch: Sketch | undefined;
  let error: { readonly message: string; readonly hint: string } | undefined;
  try {
    sketch = await sketchBuild(request, context, () => undefined, { allStages: true });
    await sketchPlan(sketch, knownBases(build, sketch));
  } catch (thrown) {
    if (!isLadeError(thrown)) throw thrown;
    const judged: boolean = planErrors.checksFailed.is(thrown);
    if (!judged) error = { message: thrown.message, hint: thrown.hint ?? '' };
  }
  const { name } = context.dockerfile;
  const findings = sketch === undefined ? [] : findingsOf(sketch.file, sketch.report.findings);
  return { kind: 'check', file: name, findings, error };
};

/**
 * Says about a Dockerfile what `call` asks for, without running or fetching anything: what the build checks find in all
 * stages (or those that the target needs), which arguments, secrets and agents the target takes, or which targets there are.
 *
 * @throws the faults of the Dockerfile, but for `check`, whose answer holds them
 */
export const describeBuild = async (
  build: DescribedBuild,
  call: DescriptionCall,
): Promise<BuildDescription> => {
  if (call === 'check') return await check(build);
  const sketch = await sketchBuild(build.request, build.context, () => undefined);
  if (call === 'targets') return targetsOf(sketch);
  return outlineOf(sketch, await sketchPlan(sketch, knownBases(build, sketch)));
};
