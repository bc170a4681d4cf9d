import { parseTrigger, type HealthcheckInstruction, type StageInstruction, type Word } from '#dockerfile';
import { isLadeError } from '#errors';
import type { ContainerConfig, JsonSet } from '#oci';
import { libraryErrors } from './errors.ts';

const DEFAULT_SHELL = ['/bin/sh', '-c'];

type CommandLine = Extract<StageInstruction, { kind: 'cmd' }>['command'];

const commandOf = (command: CommandLine, config: ContainerConfig): readonly string[] =>
  command.form === 'exec' ? command.args : [...(config.Shell ?? DEFAULT_SHELL), command.text];

const texts = (words: readonly Word[]): readonly string[] => words.map((word) => unquote(word.value));

/** Words of a change are taken as written, without their quotes: there are no variables to expand. */
const unquote = (text: string): string =>
  text.replaceAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, a, b) => a ?? b ?? '');

const setWith = (before: JsonSet | undefined, members: readonly string[]): JsonSet => ({
  ...before,
  ...Object.fromEntries(members.map((member) => [member, {}])),
});

const envWith = (
  before: readonly string[],
  pairs: readonly (readonly [string, string])[],
): readonly string[] => {
  const env = new Map(before.map((line) => [line.split('=', 1)[0] ?? '', line]));
  for (const [name, value] of pairs) env.set(name, `${name}=${value}`);
  return [...env.values()];
};

const health = (instruction: HealthcheckInstruction): ContainerConfig['Healthcheck'] => ({
  Test: instruction.test,
  ...(instruction.interval === 0 ? {} : { Interval: instruction.interval }),
  ...(instruction.timeout === 0 ? {} : { Timeout: instruction.timeout }),
  ...(instruction.startPeriod === 0 ? {} : { StartPeriod: instruction.startPeriod }),
  ...(instruction.startInterval === 0 ? {} : { StartInterval: instruction.startInterval }),
  ...(instruction.retries === 0 ? {} : { Retries: instruction.retries }),
});

const withProtocol = (port: string): string => (port.includes('/') ? port.toLowerCase() : `${port}/tcp`);

const pairsOf = (pairs: readonly { readonly key: Word; readonly value: Word }[]) =>
  pairs.map(({ key, value }) => [unquote(key.value), unquote(value.value)] as const);

/** What one instruction changes; undefined when it may not be used for this. */
const changeOf = (instruction: StageInstruction, config: ContainerConfig): ContainerConfig | undefined => {
  switch (instruction.kind) {
    case 'cmd':
      return { Cmd: commandOf(instruction.command, config) };
    case 'entrypoint':
      return { Entrypoint: commandOf(instruction.command, config) };
    case 'env':
      return { Env: envWith(config.Env ?? [], pairsOf(instruction.pairs)) };
    case 'label':
      return { Labels: { ...config.Labels, ...Object.fromEntries(pairsOf(instruction.pairs)) } };
    case 'expose':
      return { ExposedPorts: setWith(config.ExposedPorts, texts(instruction.ports).map(withProtocol)) };
    case 'volume':
      return { Volumes: setWith(config.Volumes, texts(instruction.paths)) };
    case 'user':
      return { User: unquote(instruction.user.value) };
    case 'workdir':
      return { WorkingDir: unquote(instruction.path.value) };
    case 'stopsignal':
      return { StopSignal: unquote(instruction.signal.value) };
    case 'healthcheck':
      return { Healthcheck: health(instruction) };
    case 'onbuild':
      return { OnBuild: [...(config.OnBuild ?? []), instruction.expression] };
    case 'run':
    case 'copy':
    case 'add':
    case 'arg':
    case 'shell':
    case 'maintainer':
      return undefined;
    default:
      return instruction satisfies never;
  }
};

const parseLine = (line: string): StageInstruction => {
  try {
    return parseTrigger(line);
  } catch (error) {
    if (!isLadeError(error)) throw error;
    throw libraryErrors.invalidChange({ line, reason: error.message }, error);
  }
};

/** A configuration after the Dockerfile lines of `--change`. `invalid-argument` names the line that is wrong. */
export const applyChanges = (config: ContainerConfig, lines: readonly string[]): ContainerConfig =>
  lines.reduce((before, line) => {
    const instruction = parseLine(line);
    const change = changeOf(instruction, before);
    if (change === undefined) {
      const reason = `${instruction.kind.toUpperCase()} is not a valid change command`;
      throw libraryErrors.invalidChange({ line, reason });
    }
    return { ...before, ...change };
  }, config);
