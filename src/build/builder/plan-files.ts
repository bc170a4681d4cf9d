import { posix } from 'node:path';
import {
  heredocText,
  parseHeredocWord,
  parseRunMount,
  expandWord,
  type AddInstruction,
  type CopyInstruction,
  type Heredoc,
  type RunInstruction,
  type RunMount,
  type WorkdirInstruction,
} from '#dockerfile';
import { stepsErrors } from '#steps';
import { DEFAULT_SHELL } from './image-draft.ts';
import type { CopyOperation, FileOrigin, PlannedStep, RunOperation } from '#steps';
import { originOf, placeOf } from './outline.ts';
import { workdirIn } from './plan-metadata.ts';
import { badInstruction, expandIn, located, valueIn, variablesOf, type StageState } from './stage-state.ts';
import { PROXY_NAMES } from './variables.ts';

/** Where a heredoc with a shebang is put for the process that runs it. */
const SCRIPT_DIRECTORY = '/dev/pipes';

const unsupported = (
  state: StageState,
  instruction: { range: RunInstruction['range'] },
  what: string,
  instead?: string,
) => stepsErrors.notSupported({ what, instead, ...placeOf(state.input.file, instruction.range) });

interface RunCommand {
  readonly args: readonly string[];
  readonly script?: RunOperation['script'];
  /** First line of the heredoc, for progress. */
  readonly summary?: string | undefined;
}

const summaryOf = (text: string): string => {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const first = lines.find((line) => !line.startsWith('#!')) ?? lines[0] ?? '';
  return lines.length > 1 ? `${first.trim()}...` : first.trim();
};

const withShell = (state: StageState, text: string): readonly string[] => [
  ...(state.config.Shell ?? DEFAULT_SHELL),
  text,
];

/** `RUN <<EOF` alone: the body is the script. */
const heredocCommand = (state: StageState, heredoc: Heredoc): RunCommand => {
  const content = heredocText(heredoc);
  const summary = summaryOf(content);
  if (!content.startsWith('#!')) return { args: withShell(state, content), summary };
  const path = `${SCRIPT_DIRECTORY}/${heredoc.name}`;
  return { args: [path], script: { path, content }, summary };
};

const commandOfRun = (state: StageState, instruction: RunInstruction): RunCommand => {
  const { command, heredocs } = instruction;
  if (command.form === 'exec') return { args: command.args };
  const [first] = heredocs;
  if (first === undefined) return { args: withShell(state, command.text) };
  if (parseHeredocWord(command.text.trim()) !== undefined && heredocs.length === 1)
    return heredocCommand(state, first);
  const bodies = heredocs.map((heredoc) => `\n${heredoc.content}${heredoc.name}`);
  return { args: withShell(state, command.text + bodies.join('')), summary: summaryOf(first.content) };
};

const mountsOf = (state: StageState, instruction: RunInstruction): readonly RunMount[] =>
  instruction.mounts.map((word) => {
    const mount = located(state, instruction.range, () =>
      parseRunMount(expandIn(state, word, { rawQuotes: true }).value),
    );
    if (mount.kind === 'ssh') throw unsupported(state, instruction, 'RUN --mount=type=ssh');
    if (mount.kind === 'secret') return mount;
    const target = workdirIn(state, mount.target);
    // Without an id, the name of a cache is the path it is mounted at.
    return mount.kind === 'cache' && mount.id === mount.target
      ? { ...mount, id: target, target }
      : { ...mount, target };
  });

/** `|2 A=1 B=2 /bin/sh -c …`: how history shows the arguments that a command saw. */
const historyOfRun = (state: StageState, args: readonly string[]): string => {
  const seen = Array.from(state.args).filter(([name]) => !state.env.has(name));
  const prefix =
    seen.length === 0 ? [] : [`|${seen.length}`, ...seen.map(([name, value]) => `${name}=${value}`)];
  return `RUN ${[...prefix, ...args].join(' ')} # buildkit`;
};

/** Plans RUN. */
export const planRun = (state: StageState, instruction: RunInstruction): PlannedStep => {
  if (instruction.security === 'insecure') throw unsupported(state, instruction, 'RUN --security=insecure');
  if (instruction.devices.length > 0) throw unsupported(state, instruction, 'RUN --device');
  const { args, script, summary } = commandOfRun(state, instruction);
  if (args.length === 0) throw badInstruction(state, instruction.range, 'RUN requires a command');
  const operation: RunOperation = {
    kind: 'run',
    args,
    script,
    env: variablesOf(state),
    user: state.config.User ?? '',
    workdir: state.config.WorkingDir ?? '/',
    mounts: mountsOf(state, instruction),
    network: instruction.network,
  };
  const name = summary === undefined ? instruction.text : `${instruction.text} (${summary})`;
  return { name: name.trim(), createdBy: historyOfRun(state, args), range: instruction.range, operation };
};

const destinationOf = (state: StageState, written: string): string => {
  const path = workdirIn(state, written);
  const directory = written === '' || written === '.' || written.endsWith('/') || written.endsWith('/.');
  return directory && path !== '/' ? `${path}/` : path;
};

const inlineOf = (state: StageState, heredoc: Heredoc): CopyOperation['inline'][number] => {
  const text = heredocText(heredoc);
  if (!heredoc.expand) return { name: heredoc.name, content: text };
  const word = { value: text, range: heredoc.range };
  return { name: heredoc.name, content: expandIn(state, word, { ignoreQuotes: true, escape: '\\' }).value };
};

const REMOTE = /^(?:https?|ftp):\/\/|^git@|^git:\/\/|^ssh:\/\/|\.git(?:#.*)?$/u;

const refuseRemote = (state: StageState, instruction: AddInstruction, sources: readonly string[]): void => {
  const remote = sources.find((source) => REMOTE.test(source));
  if (remote !== undefined) {
    throw unsupported(state, instruction, `ADD of ${remote}`, 'fetch it in a RUN step, or before the build');
  }
  if (instruction.checksum !== undefined)
    throw unsupported(state, instruction, 'ADD --checksum of local files');
};

const originIn = (state: StageState, instruction: CopyInstruction | AddInstruction): FileOrigin => {
  if (instruction.kind === 'add' || instruction.from === undefined) return { kind: 'context' };
  const name = expandWord(instruction.from.value, state.input.globals.values, { keepUnset: true }).value;
  return originOf(state.input.file.stages, state.index, name);
};

const writtenFlags = (instruction: CopyInstruction | AddInstruction): readonly string[] =>
  instruction.text.split(/\s+/u).filter((word) => word.startsWith('--'));

/** Flags that history keeps: those that change what the files are. */
const recordedFlags = ({ chown, chmod, parents, excludes }: CopyOperation): readonly string[] => [
  ...(chown === undefined ? [] : [`--chown=${chown}`]),
  ...(chmod === undefined ? [] : [`--chmod=${chmod}`]),
  ...(parents ? ['--parents'] : []),
  ...excludes.map((exclude) => `--exclude=${exclude}`),
];

/** Plans COPY and ADD. */
export const planCopy = (state: StageState, instruction: CopyInstruction | AddInstruction): PlannedStep => {
  const sources = instruction.sources.map((source) => valueIn(state, source));
  const written = valueIn(state, instruction.destination);
  if (instruction.kind === 'add') refuseRemote(state, instruction, sources);
  const operation: CopyOperation = {
    kind: 'copy',
    origin: originIn(state, instruction),
    sources,
    inline: instruction.inline.map((heredoc) => inlineOf(state, heredoc)),
    destination: destinationOf(state, written),
    chown: instruction.chown === undefined ? undefined : valueIn(state, instruction.chown),
    chmod: instruction.chmod === undefined ? undefined : valueIn(state, instruction.chmod),
    link: instruction.link,
    parents: instruction.kind === 'copy' && instruction.parents,
    excludes: instruction.excludes.map((exclude) => valueIn(state, exclude)),
    unpack: instruction.kind === 'add' && (instruction.unpack ?? true),
  };
  const inline = instruction.inline.map((heredoc) => `<<${heredoc.name}`);
  const words = [...sources, ...inline, written];
  const keyword = instruction.kind.toUpperCase();
  const name = [keyword, ...writtenFlags(instruction), ...words].join(' ');
  const createdBy = [keyword, ...recordedFlags(operation), ...words, '# buildkit'].join(' ');
  return { name, createdBy, range: instruction.range, operation };
};

/** Plans WORKDIR, and sets it in the configuration. */
export const planWorkdir = (state: StageState, instruction: WorkdirInstruction): PlannedStep => {
  const written = valueIn(state, instruction.path);
  if (written === '')
    throw badInstruction(state, instruction.range, 'WORKDIR is empty after its variables were replaced');
  const path = posix.normalize(workdirIn(state, written));
  state.config = { ...state.config, WorkingDir: path };
  const operation =
    path === '/' ? undefined : ({ kind: 'workdir', path, user: state.config.User ?? '' } as const);
  return { name: `WORKDIR ${path}`, createdBy: `WORKDIR ${path}`, range: instruction.range, operation };
};

/** The environment of RUN steps: proxies given as build arguments need no ARG line. */
export const proxyArgs = (
  buildArgs: Readonly<Record<string, string | undefined>>,
): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(buildArgs).flatMap(([name, value]) =>
      PROXY_NAMES.has(name) && value !== undefined ? [[name, value] as const] : [],
    ),
  );
