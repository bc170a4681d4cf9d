import { posix } from 'node:path';
import {
  cleanPath,
  heredocText,
  parseHeredocWord,
  parseRunMount,
  type AddInstruction,
  type CopyInstruction,
  type Heredoc,
  type RunInstruction,
  type RunMount,
  type WorkdirInstruction,
} from '#dockerfile';
import { parseRemote, withoutPassword, type RemoteRequest } from '#sources';
import type { CopyOperation, FileOrigin, PlannedStep, RunOperation } from '#steps';
import { DEFAULT_SHELL } from './image-draft.ts';
import { workdirIn } from './metadata.ts';
import { originOf } from './outline.ts';
import {
  badInstruction,
  expandIn,
  located,
  reportIn,
  valueIn,
  variablesOf,
  type StageState,
} from './stage-state.ts';
import { PROXY_NAMES } from './variables.ts';

/** Where a heredoc with a shebang is put for the process that runs it. */
const SCRIPT_DIRECTORY = '/dev/pipes';

interface RunCommand {
  readonly args: readonly string[];
  readonly script?: RunOperation['script'];
  /** First line of the heredoc, for progress. */
  readonly summary?: string | undefined;
}

/** So much of a heredoc is looked at for its summary. */
const SUMMARY_LOOKS_AT = 4096;

const summaryOf = (text: string): string => {
  const lines = text
    .slice(0, SUMMARY_LOOKS_AT)
    .split('\n')
    .filter((line) => line.trim() !== '');
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

const mountsOf = (state: StageState, instruction: RunInstruction): readonly RunMount[] => {
  const names = state.input.fromNames.get(instruction) ?? [];
  return instruction.mounts.map((word, index): RunMount => {
    const parsed = located(state, instruction.range, () =>
      parseRunMount(word.value, (value) => valueIn(state, { value, range: word.range })),
    );
    // What `from` names was found out before, together with what else the build needs.
    const mount = 'from' in parsed ? { ...parsed, from: names[index] } : parsed;
    if (mount.kind === 'secret' || mount.kind === 'ssh')
      return mount.target === undefined ? mount : { ...mount, target: workdirIn(state, mount.target) };
    const target = workdirIn(state, mount.target);
    // Without an id, the name of a cache is the path it is mounted at.
    return mount.kind === 'cache' && mount.id === mount.target
      ? { ...mount, id: target, target }
      : { ...mount, target };
  });
};

/** `|2 A=1 B=2 /bin/sh -c …`: how history shows the arguments that a command saw. */
const historyOfRun = (state: StageState, args: readonly string[]): string => {
  const seen = Array.from(state.args.keys(), (name) => [name, state.variables.get(name) ?? '']);
  const prefix =
    seen.length === 0 ? [] : [`|${seen.length}`, ...seen.map(([name, value]) => `${name}=${value}`)];
  return `RUN ${[...prefix, ...args].join(' ')} # buildkit`;
};

/** Plans RUN. */
export const planRun = (state: StageState, instruction: RunInstruction): PlannedStep => {
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
    security: instruction.security,
    devices: instruction.devices.map((word) => valueIn(state, word)),
  };
  const name = summary === undefined ? instruction.text : `${instruction.text} (${summary})`;
  return { name: name.trim(), createdBy: historyOfRun(state, args), range: instruction.range, operation };
};

const destinationOf = (state: StageState, written: string): string => {
  const path = workdirIn(state, written);
  const directory = written === '' || written === '.' || written.endsWith('/') || written.endsWith('/.');
  return directory && path !== '/' ? `${path}/` : path;
};

/** Longest content of a heredoc once its variables are replaced. */
const MAX_HEREDOC = 16 << 20;

const inlineOf = (state: StageState, heredoc: Heredoc): CopyOperation['inline'][number] => {
  const text = heredocText(heredoc);
  if (!heredoc.expand) return { name: heredoc.name, content: text };
  const word = { value: text, range: heredoc.range };
  return {
    name: heredoc.name,
    content: expandIn(state, word, { ignoreQuotes: true, valueOnly: true, escape: '\\', limit: MAX_HEREDOC })
      .value,
  };
};

/** The sources of ADD that are fetched, by their word. */
const remotesOf = (
  state: StageState,
  instruction: CopyInstruction | AddInstruction,
  sources: readonly string[],
): CopyOperation['remotes'] => {
  const bad = (problem: string) => badInstruction(state, instruction.range, problem);
  if (instruction.kind === 'copy') {
    const url = sources.find((source) => /^(?:https?|git|ssh):\/\//u.test(source));
    if (url !== undefined && instruction.from === undefined)
      throw bad(`source can't be a URL for COPY: ${withoutPassword(url)}; use ADD`);
    return new Map();
  }
  const { keepGitDir } = instruction;
  const checksum = instruction.checksum === undefined ? undefined : valueIn(state, instruction.checksum);
  if (checksum !== undefined && sources.length !== 1)
    throw bad("checksum can't be specified for multiple sources");
  const remotes = new Map<string, RemoteRequest>();
  for (const source of sources) {
    const reference = located(state, instruction.range, () => parseRemote(source));
    if (reference === undefined && checksum !== undefined)
      throw bad("checksum can't be specified for non-HTTP(S) & non-Git sources");
    if (reference !== undefined) remotes.set(source, { reference, checksum, keepGitDir });
  }
  return remotes;
};

const originIn = (state: StageState, instruction: CopyInstruction | AddInstruction): FileOrigin => {
  if (instruction.kind === 'add' || instruction.from === undefined) return { kind: 'context' };
  const name = state.input.fromNames.get(instruction)?.[0] ?? instruction.from.value;
  return originOf(state.input.file.stages, state.index, name);
};

const writtenFlags = (instruction: CopyInstruction | AddInstruction): readonly string[] =>
  instruction.text.split(/\s+/u).filter((word) => word.startsWith('--'));

/** Flags that history shows, in docker's order. */
const recordedFlags = ({ chown, chmod, parents }: CopyOperation): readonly string[] => [
  ...(parents ? ['--parents'] : []),
  ...(chown === undefined ? [] : [`--chown=${chown}`]),
  ...(chmod === undefined ? [] : [`--chmod=${chmod}`]),
];

/** Patterns that leave the whole context out: only with them a source `.` is ignored. */
const WHOLE_CONTEXT: ReadonlySet<string> = new Set(['*', '**', '**/*']);

/**
 * Reports sources that `.dockerignore` leaves out. With exceptions (`!`) in it nothing is said: a directory may be left
 * out and something in it not.
 */
const checkIgnored = (
  state: StageState,
  instruction: CopyInstruction | AddInstruction,
  local: readonly string[],
): void => {
  const { ignored } = state.input;
  if (ignored === undefined || ignored.patterns.some(({ negated }) => negated)) return;
  const verb = instruction.kind === 'add' ? 'Add' : 'Copy';
  for (const source of local) {
    const path = cleanPath(source);
    const isRoot = path === '.' || path === '/';
    if (isRoot && !ignored.patterns.some(({ text }) => WHOLE_CONTEXT.has(text))) continue;
    if (ignored.matches(path)) reportIn(state, 'CopyIgnoredFile', verb, path);
  }
};

/** Plans COPY and ADD. */
export const planCopy = (state: StageState, instruction: CopyInstruction | AddInstruction): PlannedStep => {
  const sources = instruction.sources.map((source) => valueIn(state, source));
  const written = valueIn(state, instruction.destination);
  const remotes = remotesOf(state, instruction, sources);
  if (instruction.kind === 'add' || instruction.from === undefined)
    checkIgnored(
      state,
      instruction,
      sources.filter((source) => !remotes.has(source)),
    );
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
    remotes,
    unpackRemote: instruction.kind === 'add' && instruction.unpack === true,
  };
  const inline = instruction.inline.map((heredoc) => `<<${heredoc.name}`);
  const words = [...sources.map(withoutPassword), ...inline, written];
  const keyword = instruction.kind.toUpperCase();
  const name = [keyword, ...writtenFlags(instruction), ...words].join(' ');
  const createdBy = [keyword, ...recordedFlags(operation), ...words, '# buildkit'].join(' ');
  return { name, createdBy, range: instruction.range, operation };
};

/** Plans WORKDIR, and sets it in the configuration. */
export const planWorkdir = (state: StageState, instruction: WorkdirInstruction): PlannedStep => {
  const written = valueIn(state, instruction.path);
  if (!state.workdirSet && !written.startsWith('/')) reportIn(state, 'WorkdirRelativePath', written);
  state.workdirSet = true;
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
