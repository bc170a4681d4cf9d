import {
  expandWord,
  findingOf,
  nearest,
  type CheckFinding,
  type Dockerfile,
  type FromInstruction,
} from '#dockerfile';
import { formatPlatform, parsePlatform, parseReference, type Platform } from '#oci';
import type { CheckReport } from './check-report.ts';
import { globalScope, type GlobalScope } from './variables.ts';

const isReference = (text: string): boolean => {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
};

/** Base names that mean nothing once no build argument is given. */
const defaultsOf = (
  file: Dockerfile,
  automatic: Readonly<Record<string, string>>,
): readonly CheckFinding[] => {
  const { escape } = file;
  try {
    const { values } = globalScope(file.globalArgs, { buildArgs: {}, automatic }, escape);
    return file.stages.flatMap(({ from }) => {
      const { value } = expandWord(from.image.value, values, { escape });
      return isReference(value) ? [] : [findingOf('InvalidDefaultArgInFrom', from.range, from.image.value)];
    });
  } catch {
    // The build fails for the same reason, and says so.
    return [];
  }
};

const undeclared = (
  from: FromInstruction,
  unset: ReadonlySet<string>,
  names: ReadonlySet<string>,
): readonly CheckFinding[] =>
  [...unset]
    .filter((name) => !names.has(name))
    .map((name) => {
      const near = nearest(name, names);
      const advice = near === undefined ? '' : ` (did you mean ${near}?)`;
      return findingOf('UndefinedArgInFrom', from.range, name, advice);
    });

/** A constant platform is right where the stage's name says what it is for. */
const constant = (from: FromInstruction, value: string): readonly CheckFinding[] => {
  let platform: Platform;
  try {
    platform = parsePlatform(value);
  } catch {
    return [];
  }
  const name = from.name?.value ?? '';
  if (name.includes(platform.os) || name.includes(platform.architecture)) return [];
  return [findingOf('FromPlatformFlagConstDisallowed', from.range, value)];
};

const checkPlatform = (
  from: FromInstruction,
  globals: GlobalScope,
  names: ReadonlySet<string>,
  escape: '\\' | '`',
): readonly CheckFinding[] => {
  if (from.platform === undefined || from.platform.value === '') return [];
  const { value, used, unset } = expandWord(from.platform.value, globals.values, { escape });
  if (used.size === 0 && unset.size === 0) return constant(from, value);
  const redundant =
    used.size === 1 &&
    unset.size === 0 &&
    used.has('TARGETPLATFORM') &&
    value === globals.values.get('TARGETPLATFORM');
  return [
    ...undeclared(from, unset, names),
    ...(redundant ? [findingOf('RedundantTargetPlatform', from.range, from.platform.value)] : []),
  ];
};

/** Checks the FROM lines of all stages, needed or not. */
export const checkBases = (
  file: Dockerfile,
  scope: { readonly globals: GlobalScope; readonly automatic: Readonly<Record<string, string>> },
  report: CheckReport,
): void => {
  const { globals } = scope;
  for (const finding of defaultsOf(file, scope.automatic)) report.take(finding);
  const names = new Set([...globals.declared.keys(), ...globals.values.keys()]);
  for (const { from } of file.stages) {
    const { unset } = expandWord(from.image.value, globals.values, { escape: file.escape });
    const found = [...undeclared(from, unset, names), ...checkPlatform(from, globals, names, file.escape)];
    for (const finding of found) report.take(finding, from.comments);
  }
};

/** Whether a base image is for another system or processor than was asked for. */
export const checkBasePlatform = (
  from: FromInstruction,
  image: { readonly reference: string; readonly wanted: Platform; readonly actual: Platform },
): readonly CheckFinding[] => {
  const { reference, wanted, actual } = image;
  if (wanted.os === actual.os && wanted.architecture === actual.architecture) return [];
  const words = [reference, formatPlatform(actual), formatPlatform(wanted)];
  return [findingOf('InvalidBaseImagePlatform', from.range, ...words)];
};
