import { parseTrigger, type CommandLine, type StageInstruction } from '#dockerfile';
import type { ContainerConfig } from '#oci';
import { engineErrors } from './errors.ts';

const setOf = (names: readonly string[]): Record<string, Record<string, never>> =>
  Object.fromEntries(names.map((name) => [name, {}]));

const portKey = (port: string): string => (port.includes('/') ? port : `${port}/tcp`);

const argsOf = (command: CommandLine, shell: readonly string[] | undefined): readonly string[] =>
  command.form === 'exec' ? command.args : [...(shell ?? ['/bin/sh', '-c']), command.text];

const unquote = (text: string): string => text.replaceAll(/^(["'])(.*)\1$/gs, '$2');

const withEnv = (env: readonly string[], pairs: readonly (readonly [string, string])[]): readonly string[] =>
  pairs.reduce<readonly string[]>(
    (list, [key, value]) => [...list.filter((entry) => !entry.startsWith(`${key}=`)), `${key}=${value}`],
    env,
  );

const workdir = (present: string | undefined, path: string): string =>
  path.startsWith('/') ? path : `${present === undefined || present === '' ? '' : present}/${path}`;

const pairsOf = (
  pairs: readonly { readonly key: { readonly value: string }; readonly value: { readonly value: string } }[],
): readonly (readonly [string, string])[] =>
  pairs.map(({ key, value }) => [unquote(key.value), unquote(value.value)]);

const applyInstruction = (
  config: ContainerConfig,
  instruction: StageInstruction,
): ContainerConfig | undefined => {
  switch (instruction.kind) {
    case 'cmd':
      return { ...config, Cmd: argsOf(instruction.command, config.Shell) };
    case 'entrypoint':
      return { ...config, Entrypoint: argsOf(instruction.command, config.Shell) };
    case 'env':
      return { ...config, Env: withEnv(config.Env ?? [], pairsOf(instruction.pairs)) };
    case 'label':
      return { ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairsOf(instruction.pairs)) } };
    case 'expose': {
      const ports = instruction.ports.map(({ value }) => portKey(value));
      return { ...config, ExposedPorts: { ...config.ExposedPorts, ...setOf(ports) } };
    }
    case 'volume':
      return {
        ...config,
        Volumes: { ...config.Volumes, ...setOf(instruction.paths.map(({ value }) => value)) },
      };
    case 'user':
      return { ...config, User: instruction.user.value };
    case 'workdir':
      return { ...config, WorkingDir: workdir(config.WorkingDir, instruction.path.value) };
    case 'stopsignal':
      return { ...config, StopSignal: instruction.signal.value };
    case 'shell':
      return { ...config, Shell: instruction.shell };
    case 'onbuild':
      return { ...config, OnBuild: [...(config.OnBuild ?? []), instruction.expression] };
    case 'healthcheck':
      return {
        ...config,
        Healthcheck: {
          Test: instruction.test,
          Interval: instruction.interval,
          Timeout: instruction.timeout,
          StartPeriod: instruction.startPeriod,
          StartInterval: instruction.startInterval,
          Retries: instruction.retries,
        },
      };
    case 'add':
    case 'arg':
    case 'copy':
    case 'maintainer':
    case 'run':
      return undefined;
    default:
      return instruction satisfies never;
  }
};

const applyLine = (config: ContainerConfig, line: string): ContainerConfig => {
  let instruction: StageInstruction;
  try {
    instruction = parseTrigger(line);
  } catch (error) {
    throw engineErrors.invalidChange(
      { line, text: error instanceof Error ? error.message : String(error) },
      error,
    );
  }
  const changed = applyInstruction(config, instruction);
  if (changed === undefined) {
    throw engineErrors.invalidChange({
      line,
      text: `${instruction.kind.toUpperCase()} changes no configuration`,
    });
  }
  return changed;
};

/** A configuration after the Dockerfile lines of `commit --change`; words are taken as they are, without variables. */
export const applyChanges = (config: ContainerConfig, changes: readonly string[]): ContainerConfig =>
  changes.reduce(applyLine, config);
