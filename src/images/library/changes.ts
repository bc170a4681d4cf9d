import { constants } from 'node:os';
import { posix } from 'node:path';
import { expandWord, healthcheckOf, parseTrigger, type StageInstruction, type Word } from '#dockerfile';
import { isLadeError } from '#errors';
import type { ContainerConfig, Healthcheck, JsonSet } from '#oci';
import { libraryErrors } from './errors.ts';

const DEFAULT_SHELL = ['/bin/sh', '-c'];
const PORT = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/i;
const MAX_PORT = 65_535;

/** Configuration while lines are applied to it. */
interface State {
  readonly config: ContainerConfig;
  /** A CMD came among the lines: an ENTRYPOINT after it leaves it. */
  readonly cmdSet: boolean;
}

type CommandLine = Extract<StageInstruction, { kind: 'cmd' }>['command'];

const commandOf = (command: CommandLine, config: ContainerConfig): readonly string[] => {
  if (command.form === 'exec') return command.args;
  const shell = config.Shell ?? DEFAULT_SHELL;
  return command.text === '' ? shell : [...shell, command.text];
};

/** What words may refer to: the environment, with the lines before. */
const variablesOf = ({ Env = [] }: ContainerConfig): ReadonlyMap<string, string> =>
  new Map(
    Env.map((line) => {
      const at = line.indexOf('=');
      return at === -1 ? ([line, ''] as const) : ([line.slice(0, at), line.slice(at + 1)] as const);
    }),
  );

const valueIn = (config: ContainerConfig, word: Word): string =>
  expandWord(word.value, variablesOf(config)).value;

const valuesIn = (config: ContainerConfig, words: readonly Word[]): readonly string[] =>
  words.flatMap((word) => expandWord(word.value, variablesOf(config)).words);

const setWith = (before: JsonSet | undefined, members: readonly string[]): JsonSet => ({
  ...before,
  ...Object.fromEntries(members.map((member) => [member, {}])),
});

const pairsIn = (
  config: ContainerConfig,
  pairs: readonly { readonly key: Word; readonly value: Word }[],
): readonly (readonly [string, string])[] =>
  pairs.map(({ key, value }) => [valueIn(config, key), valueIn(config, value)]);

const envWith = (
  config: ContainerConfig,
  pairs: readonly (readonly [string, string])[],
): readonly string[] => {
  const env = new Map((config.Env ?? []).map((line) => [line.split('=', 1)[0] ?? '', line]));
  for (const [name, value] of pairs) env.set(name, `${name}=${value}`);
  return [...env.values()];
};

const portsOf = (text: string): readonly string[] => {
  const [, first, last = first, protocol = 'tcp'] = PORT.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === undefined || from > to || to > MAX_PORT)
    throw libraryErrors.invalidChange({ line: `EXPOSE ${text}`, reason: `invalid containerPort: ${text}` });
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol.toLowerCase()}`);
};

const signalOf = (text: string): string => {
  const known = /^\d{1,3}$/.test(text) || Object.hasOwn(constants.signals, text.replace(/^(?!SIG)/, 'SIG'));
  if (known || /^(SIG)?RTM(IN|AX)([+-]\d+)?$/.test(text)) return text;
  throw libraryErrors.invalidChange({ line: `STOPSIGNAL ${text}`, reason: `invalid signal: ${text}` });
};

const entrypoint = (command: CommandLine, { config, cmdSet }: State): ContainerConfig => {
  const args = commandOf(command, config);
  const kept = cmdSet ? {} : { Cmd: undefined };
  return args.length === 0 ? { Entrypoint: undefined, ...kept } : { Entrypoint: args, ...kept };
};

/** What one instruction changes; undefined when it may not be used for this. */
const changeOf = (instruction: StageInstruction, state: State): ContainerConfig | undefined => {
  const { config } = state;
  switch (instruction.kind) {
    case 'cmd':
      return { Cmd: commandOf(instruction.command, config) };
    case 'entrypoint':
      return entrypoint(instruction.command, state);
    case 'env':
      return { Env: envWith(config, pairsIn(config, instruction.pairs)) };
    case 'label':
      return { Labels: { ...config.Labels, ...Object.fromEntries(pairsIn(config, instruction.pairs)) } };
    case 'expose': {
      const ports = valuesIn(config, instruction.ports).flatMap(portsOf);
      return { ExposedPorts: setWith(config.ExposedPorts, ports) };
    }
    case 'volume':
      return {
        Volumes: setWith(
          config.Volumes,
          instruction.paths.map((path) => valueIn(config, path)),
        ),
      };
    case 'user':
      return { User: valueIn(config, instruction.user) };
    case 'workdir': {
      const path = valueIn(config, instruction.path);
      return { WorkingDir: posix.resolve('/', config.WorkingDir ?? '/', path) };
    }
    case 'stopsignal':
      return { StopSignal: signalOf(valueIn(config, instruction.signal)) };
    case 'healthcheck':
      return { Healthcheck: healthcheckOf(instruction) };
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

/** Faults of the line are told as such, whoever finds them. */
const inLine = <T>(line: string, act: () => T): T => {
  try {
    return act();
  } catch (error) {
    if (!isLadeError(error) || error.code === 'LIBRARY_INVALID_CHANGE') throw error;
    throw libraryErrors.invalidChange({ line, reason: error.message }, error);
  }
};

const applyLine = (state: State, line: string): State => {
  const instruction = inLine(line, () => parseTrigger(line));
  const change = inLine(line, () => changeOf(instruction, state));
  if (change === undefined) {
    const reason = `${instruction.kind} is not a valid change command`;
    throw libraryErrors.invalidChange({ line, reason });
  }
  const config = { ...state.config, ...change };
  return { config, cmdSet: state.cmdSet || instruction.kind === 'cmd' };
};

/**
 * A configuration after the Dockerfile lines of `--change`. What they empty is filled again from what was there, as
 * Docker does: an empty ENTRYPOINT or CMD, and times of a health check that are not named. `invalid-argument` names the
 * line that is wrong.
 */
export const applyChanges = (before: ContainerConfig, lines: readonly string[]): ContainerConfig => {
  const { config } = lines.reduce(applyLine, { config: before, cmdSet: false });
  const isEmpty = (words: readonly string[] | undefined): boolean =>
    words === undefined || words.length === 0;
  const noEntrypoint = isEmpty(config.Entrypoint);
  return {
    ...config,
    Cmd: noEntrypoint && isEmpty(config.Cmd) ? before.Cmd : config.Cmd,
    Entrypoint: noEntrypoint ? before.Entrypoint : config.Entrypoint,
    Healthcheck:
      config.Healthcheck === undefined
        ? undefined
        : { ...timesOf(before.Healthcheck), ...config.Healthcheck },
  };
};

const timesOf = ({ Test: _test, ...times }: Healthcheck = {}): Healthcheck => times;
