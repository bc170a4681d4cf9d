import { parseDuration } from '#units';
import { InstructionFault } from './faults.ts';
import { readFlags, type Flags } from './flags.ts';
import { parseHeredocWord } from './heredocs.ts';
import { parseRunMount } from './run-mount.ts';
import { didYouMean } from './suggest.ts';
import type {
  CommandLine,
  Heredoc,
  HealthcheckInstruction,
  Instruction,
  KeyValue,
  NameValue,
  Statement,
  TransferInstruction,
  Word,
} from './types.ts';

type Reader = (statement: Statement) => Instruction;

const noFlags = (statement: Statement): Flags => readFlags(statement, {});
const base = ({ range, text, writtenKeyword, comments }: Statement) => ({
  range,
  text,
  keyword: writtenKeyword,
  comments,
});
const capitals = (statement: Statement): string => statement.keyword.toUpperCase();

const atLeastOne = (statement: Statement): Word => {
  const first = statement.args[0];
  if (first === undefined)
    throw new InstructionFault(`${capitals(statement)} requires at least one argument`);
  return first;
};

const exactlyOne = (statement: Statement): Word => {
  const first = statement.args[0];
  if (first === undefined || statement.args.length > 1) {
    throw new InstructionFault(`${capitals(statement)} requires exactly one argument`);
  }
  return first;
};

const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/u;

const stageName = (args: readonly Word[]): Word | undefined => {
  const [, as, name] = args;
  if (args.length === 1) return undefined;
  if (args.length !== 3 || as === undefined || name === undefined || as.value.toLowerCase() !== 'as') {
    throw new InstructionFault(
      'FROM requires either one or three arguments',
      undefined,
      'write FROM image, or FROM image AS name',
    );
  }
  const value = name.value.toLowerCase();
  if (STAGE_NAME.test(value)) return { value, range: name.range };
  const problem = `invalid name for build stage: "${name.value}", name can't start with a number or contain symbols`;
  throw new InstructionFault(problem, name.range);
};

const from: Reader = (statement) => {
  const name = stageName(statement.args);
  const platform = readFlags(statement, { platform: 'text' }).text('platform');
  return { kind: 'from', ...base(statement), image: atLeastOne(statement), name, platform };
};

const nameValue = (word: Word): NameValue => {
  const equals = word.value.indexOf('=');
  if (equals < 0) return { name: word, value: undefined };
  if (equals === 0) throw new InstructionFault('ARG names can not be blank', word.range);
  const { range } = word;
  return {
    name: { value: word.value.slice(0, equals), range },
    value: { value: word.value.slice(equals + 1), range },
  };
};

const arg: Reader = (statement) => {
  noFlags(statement);
  atLeastOne(statement);
  return { kind: 'arg', ...base(statement), args: statement.args.map(nameValue) };
};

/** The syntax gives three words for each pair: name, value, separator. */
const keyValues = (statement: Statement): readonly KeyValue[] => {
  noFlags(statement);
  atLeastOne(statement);
  const pairs: KeyValue[] = [];
  for (let index = 0; index + 2 < statement.args.length; index += 3) {
    const [key, value, separator] = statement.args.slice(index, index + 3);
    if (key === undefined || value === undefined) continue;
    if (key.value === '')
      throw new InstructionFault(`${capitals(statement)} names can not be blank`, key.range);
    pairs.push({ key, value, legacy: separator?.value !== '=' });
  }
  return pairs;
};

const commandLine = (statement: Statement): CommandLine =>
  statement.json
    ? { form: 'exec', args: statement.args.map((word) => word.value) }
    : { form: 'shell', text: statement.args[0]?.value ?? '' };

const NETWORKS = ['default', 'none', 'host'] as const;
const SECURITY = ['sandbox', 'insecure'] as const;

const oneOf = <T extends string>(
  name: 'network' | 'security',
  word: Word | undefined,
  allowed: readonly T[],
): T | undefined => {
  if (word === undefined) return undefined;
  const found = allowed.find((value) => value === word.value);
  if (found !== undefined) return found;
  const problem =
    name === 'network' ? `invalid network mode "${word.value}"` : `security "${word.value}" is not valid`;
  throw new InstructionFault(problem, word.range, didYouMean(word.value, allowed));
};

const RUN_FLAGS = { mount: 'list', network: 'text', security: 'text', device: 'list' } as const;

const run: Reader = (statement) => {
  const flags = readFlags(statement, RUN_FLAGS);
  const mounts = flags.list('mount');
  // A mount with variables can only be checked once they have values.
  for (const mount of mounts) if (!mount.value.includes('$')) parseRunMount(mount.value);
  return {
    kind: 'run',
    ...base(statement),
    command: commandLine(statement),
    heredocs: statement.heredocs,
    mounts,
    network: oneOf('network', flags.text('network'), NETWORKS) ?? 'default',
    security: oneOf('security', flags.text('security'), SECURITY) ?? 'sandbox',
    devices: flags.list('device'),
  };
};

/** The heredoc that a source word names. Words and heredocs come in the same order. */
const inlineSources = (statement: Statement, sources: readonly Word[]): readonly Heredoc[] => {
  const names = new Set(sources.flatMap((source) => parseHeredocWord(source.value)?.name ?? []));
  return statement.heredocs.filter((heredoc) => names.has(heredoc.name));
};

const transfer = (statement: Statement, flags: Flags): TransferInstruction => {
  const keyword = capitals(statement);
  if (statement.args.length < 2) {
    const problem = `${keyword} requires at least two arguments, but only one was provided. Destination could not be determined`;
    throw new InstructionFault(problem);
  }
  const destination = statement.args.at(-1) ?? atLeastOne(statement);
  const words = statement.args.slice(0, -1);
  const isInline = (word: Word): boolean => !statement.json && parseHeredocWord(word.value) !== undefined;
  if (isInline(destination)) {
    throw new InstructionFault(`${keyword} cannot accept a heredoc as a destination`, destination.range);
  }
  return {
    ...base(statement),
    sources: words.filter((word) => !isInline(word)),
    inline: inlineSources(statement, words.filter(isInline)),
    destination,
    chown: flags.text('chown'),
    chmod: flags.text('chmod'),
    link: flags.boolean('link') ?? false,
    excludes: flags.list('exclude'),
  };
};

const TRANSFER_FLAGS = { chown: 'text', chmod: 'text', link: 'boolean', exclude: 'list' } as const;

const copy: Reader = (statement) => {
  const flags = readFlags(statement, { ...TRANSFER_FLAGS, from: 'text', parents: 'boolean' });
  const parents = flags.boolean('parents') ?? false;
  return { kind: 'copy', ...transfer(statement, flags), from: flags.text('from'), parents };
};

const add: Reader = (statement) => {
  const own = { 'keep-git-dir': 'boolean', checksum: 'text', unpack: 'boolean' } as const;
  const flags = readFlags(statement, { ...TRANSFER_FLAGS, ...own });
  return {
    kind: 'add',
    ...transfer(statement, flags),
    keepGitDir: flags.boolean('keep-git-dir'),
    checksum: flags.text('checksum'),
    unpack: flags.boolean('unpack'),
  };
};

const shell: Reader = (statement) => {
  noFlags(statement);
  atLeastOne(statement);
  if (!statement.json) {
    throw new InstructionFault(
      'SHELL requires the arguments to be in JSON form',
      undefined,
      'write SHELL ["/bin/sh", "-c"]',
    );
  }
  return { kind: 'shell', ...base(statement), shell: statement.args.map((word) => word.value) };
};

const volume: Reader = (statement) => {
  noFlags(statement);
  atLeastOne(statement);
  const paths = statement.args.map(({ value, range }) => ({ value: value.trim(), range }));
  if (paths.some((path) => path.value === '')) {
    throw new InstructionFault('VOLUME specified can not be an empty string');
  }
  return { kind: 'volume', ...base(statement), paths };
};

const MILLISECOND = 1e6;

const interval = (flags: Flags, name: string): number => {
  const word = flags.text(name);
  if (word === undefined || word.value === '') return 0;
  const nanoseconds = parseDuration(word.value);
  if (nanoseconds === undefined)
    throw new InstructionFault(`time: invalid duration "${word.value}" of --${name}`, word.range);
  if (nanoseconds !== 0 && nanoseconds < MILLISECOND) {
    throw new InstructionFault(`Interval "${name}" cannot be less than 1ms`, word.range);
  }
  return nanoseconds;
};

const MAX_RETRIES = 2 ** 31 - 1;

const retriesOf = (word: Word | undefined): number => {
  if (word === undefined || word.value === '') return 0;
  const retries = /^[+-]?\d+$/u.test(word.value) ? Number(word.value) : Number.NaN;
  if (retries < 0) throw new InstructionFault(`--retries cannot be negative (${retries})`, word.range);
  if (retries <= MAX_RETRIES) return retries;
  throw new InstructionFault(`invalid number "${word.value}" of --retries`, word.range);
};

const HEALTH_FLAGS = {
  interval: 'text',
  timeout: 'text',
  'start-period': 'text',
  'start-interval': 'text',
  retries: 'text',
} as const;

const healthTest = (statement: Statement, type: string): readonly string[] => {
  const args = statement.args.slice(1).map((word) => word.value);
  if (type !== 'CMD') throw new InstructionFault(`Unknown type "${type}" in HEALTHCHECK (try CMD)`);
  if (args.length === 0) throw new InstructionFault('Missing command after HEALTHCHECK CMD');
  return [statement.json ? 'CMD' : 'CMD-SHELL', ...args];
};

const NO_TIMES = { interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0 };

const timesOf = (flags: Flags): typeof NO_TIMES => ({
  interval: interval(flags, 'interval'),
  timeout: interval(flags, 'timeout'),
  startPeriod: interval(flags, 'start-period'),
  startInterval: interval(flags, 'start-interval'),
  retries: retriesOf(flags.text('retries')),
});

const healthcheck: Reader = (statement): HealthcheckInstruction => {
  const type = atLeastOne(statement).value.toUpperCase();
  const flags = readFlags(statement, HEALTH_FLAGS);
  if (type === 'NONE' && statement.args.length > 1) {
    throw new InstructionFault('HEALTHCHECK NONE takes no arguments');
  }
  return {
    kind: 'healthcheck',
    ...base(statement),
    test: type === 'NONE' ? ['NONE'] : healthTest(statement, type),
    ...(type === 'NONE' ? NO_TIMES : timesOf(flags)),
  };
};

const onbuild: Reader = (statement) => {
  noFlags(statement);
  const { child } = statement;
  if (child === undefined) throw new InstructionFault('ONBUILD requires at least one argument');
  const trigger = capitals(child);
  if (trigger === 'ONBUILD')
    throw new InstructionFault("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (trigger === 'FROM' || trigger === 'MAINTAINER') {
    throw new InstructionFault(`${trigger} isn't allowed as an ONBUILD trigger`);
  }
  readInstruction(child);
  const bodies = statement.heredocs.map((heredoc) => `\n${heredoc.content}${heredoc.name}`);
  return { kind: 'onbuild', ...base(statement), expression: child.text + bodies.join('') };
};

const expose: Reader = (statement) => {
  noFlags(statement);
  atLeastOne(statement);
  return { kind: 'expose', ...base(statement), ports: statement.args };
};

const maintainer: Reader = (statement) => {
  noFlags(statement);
  return { kind: 'maintainer', ...base(statement), author: exactlyOne(statement).value };
};

const user: Reader = (statement) => {
  noFlags(statement);
  return { kind: 'user', ...base(statement), user: exactlyOne(statement) };
};

const workdir: Reader = (statement) => {
  noFlags(statement);
  return { kind: 'workdir', ...base(statement), path: exactlyOne(statement) };
};

const stopsignal: Reader = (statement) => {
  noFlags(statement);
  return { kind: 'stopsignal', ...base(statement), signal: exactlyOne(statement) };
};

const cmd: Reader = (statement) => {
  noFlags(statement);
  return { kind: 'cmd', ...base(statement), command: commandLine(statement) };
};

const entrypoint: Reader = (statement) => {
  noFlags(statement);
  return { kind: 'entrypoint', ...base(statement), command: commandLine(statement) };
};

const READERS: Readonly<Record<string, Reader>> = {
  add,
  arg,
  cmd,
  copy,
  entrypoint,
  env: (statement) => ({ kind: 'env', ...base(statement), pairs: keyValues(statement) }),
  expose,
  from,
  healthcheck,
  label: (statement) => ({ kind: 'label', ...base(statement), pairs: keyValues(statement) }),
  maintainer,
  onbuild,
  run,
  shell,
  stopsignal,
  user,
  volume,
  workdir,
};

/** Whether a keyword (lower case) is an instruction. */
export const isInstruction = (keyword: string): boolean => Object.hasOwn(READERS, keyword);

/** Checks one statement and gives it its type; a fault is an InstructionFault. */
export const readInstruction = (statement: Statement): Instruction => {
  const reader = isInstruction(statement.keyword) ? READERS[statement.keyword] : undefined;
  if (reader === undefined) throw new InstructionFault(`unknown instruction: ${capitals(statement)}`);
  return reader(statement);
};
