import type { ArgInstruction, CheckFinding, Directive, Stage, StageInstruction, Statement } from './types.ts';

interface Checked {
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
  readonly statements: readonly Statement[];
  readonly directives: readonly Directive[];
}

type Check = (file: Checked) => readonly CheckFinding[];

const instructionsOf = (file: Checked): readonly StageInstruction[] =>
  file.stages.flatMap((stage) => stage.instructions);

const duplicateStageName: Check = ({ stages }) => {
  const seen = new Set<string>();
  return stages.flatMap(({ from }): readonly CheckFinding[] => {
    const name = from.name?.value;
    if (name === undefined || !seen.has(name)) {
      if (name !== undefined) seen.add(name);
      return [];
    }
    const message = `Duplicate stage name "${name}", stage names should be unique`;
    return [{ rule: 'DuplicateStageName', message, range: from.range }];
  });
};

const maintainerDeprecated: Check = (file) =>
  instructionsOf(file).flatMap((instruction) =>
    instruction.kind === 'maintainer'
      ? [
          {
            rule: 'MaintainerDeprecated',
            message: 'Maintainer instruction is deprecated in favor of using label',
            range: instruction.range,
          },
        ]
      : [],
  );

const legacyKeyValue: Check = (file) =>
  instructionsOf(file).flatMap((instruction) => {
    if (instruction.kind !== 'env' && instruction.kind !== 'label') return [];
    if (!instruction.pairs.some((pair) => pair.legacy)) return [];
    const keyword = instruction.kind.toUpperCase();
    const message = `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`;
    return [{ rule: 'LegacyKeyValueFormat', message, range: instruction.range }];
  });

const jsonArgsRecommended: Check = (file) =>
  file.stages.flatMap(({ instructions }) => {
    if (instructions.some((instruction) => instruction.kind === 'shell')) return [];
    return instructions.flatMap((instruction) => {
      if (instruction.kind !== 'cmd' && instruction.kind !== 'entrypoint') return [];
      if (instruction.command.form === 'exec' || instruction.command.text === '') return [];
      const keyword = instruction.kind.toUpperCase();
      const message = `JSON arguments recommended for ${keyword} to prevent unintended behavior related to OS signals`;
      return [{ rule: 'JSONArgsRecommended', message, range: instruction.range }];
    });
  });

const multipleInstructions: Check = (file) =>
  file.stages.flatMap(({ instructions }) => {
    const kinds = ['cmd', 'entrypoint', 'healthcheck'] as const;
    return kinds.flatMap((kind) =>
      instructions
        .filter((instruction) => instruction.kind === kind)
        .slice(0, -1)
        .map(({ range }) => ({
          rule: 'MultipleInstructionsDisallowed',
          message: `Multiple ${kind.toUpperCase()} instructions should not be used in the same stage because only the last one will be used`,
          range,
        })),
    );
  });

const CHECKS: readonly Check[] = [
  duplicateStageName,
  maintainerDeprecated,
  legacyKeyValue,
  jsonArgsRecommended,
  multipleInstructions,
];

/** Names that the directive `# check=skip=A,B` silences. */
const skipped = (directives: readonly Directive[]): ReadonlySet<string> => {
  const value = directives.find((directive) => directive.name === 'check')?.value ?? '';
  const fields = value.split(';').map((field) => field.trim());
  const list = fields.find((field) => field.startsWith('skip='))?.slice('skip='.length) ?? '';
  return new Set(list.split(',').map((rule) => rule.trim().toLowerCase()));
};

/** Remarks on a Dockerfile that do not stop the build, in the order of the lines. */
export const checkDockerfile = (file: Checked): readonly CheckFinding[] => {
  const skip = skipped(file.directives);
  if (skip.has('all')) return [];
  return CHECKS.flatMap((check) => check(file))
    .filter((finding) => !skip.has(finding.rule.toLowerCase()))
    .toSorted((a, b) => a.range.start.offset - b.range.start.offset);
};
