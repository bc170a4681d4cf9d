import type { CheckFinding, CheckRule, SourceRange } from './types.ts';

/** What each build check says when it finds something; the words are filled in for `{0}`, `{1}`. */
const MESSAGES: Readonly<Record<CheckRule, string>> = {
  StageNameCasing: "Stage name '{0}' should be lowercase",
  FromAsCasing: "'{0}' and '{1}' keywords' casing do not match",
  NoEmptyContinuation: 'Empty continuation line',
  ConsistentInstructionCasing: "Command '{0}' should match the case of the command majority ({1})",
  DuplicateStageName: 'Duplicate stage name "{0}", stage names should be unique',
  ReservedStageName: 'Stage name should not use the same name as reserved stage "{0}"',
  JSONArgsRecommended:
    'JSON arguments recommended for {0} to prevent unintended behavior related to OS signals',
  MaintainerDeprecated: 'Maintainer instruction is deprecated in favor of using label',
  UndefinedArgInFrom: "FROM argument '{0}' is not declared{1}",
  WorkdirRelativePath: 'Relative workdir "{0}" can have unexpected results if the base image changes',
  UndefinedVar: "Usage of undefined variable '${0}'{1}",
  MultipleInstructionsDisallowed:
    'Multiple {0} instructions should not be used in the same stage because only the last one will be used',
  LegacyKeyValueFormat: '"{0} key=value" should be used instead of legacy "{0} key value" format',
  InvalidBaseImagePlatform: 'Base image {0} was pulled with platform "{1}", expected "{2}" for current build',
  RedundantTargetPlatform:
    'Setting platform to predefined {0} in FROM is redundant as this is the default behavior',
  SecretsUsedInArgOrEnv: 'Do not use ARG or ENV instructions for sensitive data ({0} "{1}")',
  InvalidDefaultArgInFrom: 'Default value for ARG {0} results in empty or invalid base image name',
  FromPlatformFlagConstDisallowed: 'FROM --platform flag should not use constant value "{0}"',
  CopyIgnoredFile: 'Attempting to {0} file "{1}" that is excluded by .dockerignore',
  InvalidDefinitionDescription: 'Comment for {0} should follow the format: `# {1} <description>`',
  ExposeProtoCasing: "Defined protocol '{0}' in EXPOSE instruction should be lowercase",
  ExposeInvalidFormat: "EXPOSE instruction should not define an IP address or host-port mapping, found '{0}'",
};

/** Why each check is there, in one sentence. */
export const CHECK_DESCRIPTIONS: Readonly<Record<CheckRule, string>> = {
  StageNameCasing: 'Stage names should be lowercase',
  FromAsCasing: "The 'as' keyword should match the case of the 'from' keyword",
  NoEmptyContinuation: 'Empty continuation lines will become errors in a future release',
  ConsistentInstructionCasing:
    'All commands within the Dockerfile should use the same casing (either upper or lower)',
  DuplicateStageName: 'Stage names should be unique',
  ReservedStageName: 'Reserved words should not be used as stage names',
  JSONArgsRecommended:
    'JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals',
  MaintainerDeprecated:
    'The MAINTAINER instruction is deprecated, use a label instead to define an image author',
  UndefinedArgInFrom: 'FROM command must use declared ARGs',
  WorkdirRelativePath:
    'Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes',
  UndefinedVar: 'Variables should be defined before their use',
  MultipleInstructionsDisallowed:
    'Multiple instructions of the same type should not be used in the same stage',
  LegacyKeyValueFormat: 'Legacy key/value format with whitespace separator should not be used',
  InvalidBaseImagePlatform: 'Base image platform does not match expected target platform',
  RedundantTargetPlatform:
    'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
  SecretsUsedInArgOrEnv: 'Sensitive data should not be used in the ARG or ENV commands',
  InvalidDefaultArgInFrom: 'Default value for global ARG results in an empty or invalid base image name',
  FromPlatformFlagConstDisallowed: 'FROM --platform flag should not use a constant value',
  CopyIgnoredFile: 'Attempting to Copy file that is excluded by .dockerignore',
  InvalidDefinitionDescription:
    'Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.',
  ExposeProtoCasing: 'Protocol in EXPOSE instruction should be lowercase',
  ExposeInvalidFormat:
    'IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release',
};

/** Checks that are only made where `experimental=` names them. */
export const EXPERIMENTAL_CHECKS: ReadonlySet<string> = new Set<CheckRule>(['InvalidDefinitionDescription']);

/** What a check found at a place. */
export const findingOf = (
  rule: CheckRule,
  range: SourceRange,
  ...words: readonly string[]
): CheckFinding => ({
  rule,
  message: MESSAGES[rule].replaceAll(/\{(\d)\}/gu, (_, index: string) => words[Number(index)] ?? ''),
  range,
});
