import { posix } from 'node:path';
import {
  findingOf,
  healthcheckOf,
  parseTrigger,
  type ArgInstruction,
  type HealthcheckInstruction,
  type StageInstruction,
  type Word,
} from '#dockerfile';
import type { ContainerConfig } from '#oci';
import { compareNames } from '#tar';
import { PORT_FORM, readPort } from './exposed-ports.ts';
import { commandOf, quoteList } from './image-draft.ts';
import {
  badInstruction,
  declareArg,
  expandIn,
  located,
  reportIn,
  setEnv,
  valueIn,
  type StageState,
} from './stage-state.ts';
import { givenValue } from './variables.ts';

/** What an instruction does to the configuration, and how history shows it. */
interface MetadataChange {
  readonly config?: ContainerConfig | undefined;
  readonly createdBy: string;
}

type Of<K extends StageInstruction['kind']> = StageInstruction & { readonly kind: K };

/** The instructions that change only the configuration. */
type MetadataInstruction = Exclude<StageInstruction, Of<'run'> | Of<'copy'> | Of<'add'> | Of<'workdir'>>;

const argValue = (state: StageState, name: string, value: Word | undefined): string | undefined => {
  const { buildArgs, globals } = state.input;
  const given = givenValue(buildArgs, name);
  if (given !== undefined) return given;
  return value === undefined ? globals.values.get(name) : valueIn(state, value);
};

const SECRET =
  /(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)/iu;
const NO_SECRET = /(?:_|^)(?:public|file|version)(?:_|$)/iu;

const checkSecret = (state: StageState, keyword: 'ARG' | 'ENV', name: string): void => {
  if (SECRET.test(name) && !NO_SECRET.test(name)) reportIn(state, 'SecretsUsedInArgOrEnv', keyword, name);
};

const arg = (state: StageState, instruction: ArgInstruction): MetadataChange => {
  const shown = instruction.args.map(({ name, value }) => {
    checkSecret(state, 'ARG', name.value);
    const resolved = argValue(state, name.value, value);
    state.input.consumed.add(name.value);
    declareArg(state, name.value, resolved);
    return resolved === undefined ? name.value : `${name.value}=${resolved}`;
  });
  return { createdBy: `ARG ${shown.join(' ')}` };
};

const pairsIn = (state: StageState, { pairs, keyword }: Of<'env'> | Of<'label'>) =>
  pairs.map(({ key, value, legacy }) => {
    if (legacy) reportIn(state, 'LegacyKeyValueFormat', keyword);
    return [valueIn(state, key), valueIn(state, value)] as const;
  });

const env = (state: StageState, instruction: Of<'env'>): MetadataChange => {
  // All values see the variables as they were before the instruction.
  const added = pairsIn(state, instruction);
  for (const [key, value] of added) {
    checkSecret(state, 'ENV', key);
    setEnv(state, key, value);
  }
  return { createdBy: `ENV ${added.map(([key, value]) => `${key}=${value}`).join(' ')}` };
};

const label = (state: StageState, instruction: Of<'label'>): MetadataChange => {
  const added = pairsIn(state, instruction);
  for (const [key, value] of added) state.labels.set(key, value);
  return { createdBy: `LABEL ${added.map(([key, value]) => `${key}=${value}`).join(' ')}` };
};

const expose = (state: StageState, { ports, range }: Of<'expose'>): MetadataChange => {
  const written = ports.toSorted((a, b) => compareNames(a.value, b.value));
  const members = written.flatMap((port) =>
    expandIn(state, port).words.flatMap((text) => {
      const found = readPort(text);
      if (found.kind === 'fault') throw badInstruction(state, range, found.problem, PORT_FORM);
      if (found.oddProtocol) reportIn(state, 'ExposeProtoCasing', text);
      if (found.hasHost) reportIn(state, 'ExposeInvalidFormat', text);
      // One word may stand for all ports there are.
      state.input.spend(found.members.length * 64);
      return found.members;
    }),
  );
  for (const member of members) state.ports.add(member);
  return { createdBy: `EXPOSE [${members.join(' ')}]` };
};

const volume = (state: StageState, { paths, range }: Of<'volume'>): MetadataChange => {
  const members = paths.map((path) => valueIn(state, path));
  if (members.includes('')) throw badInstruction(state, range, 'VOLUME specified can not be an empty string');
  for (const member of members) state.volumes.add(member);
  return { createdBy: `VOLUME [${members.join(' ')}]` };
};

/** Only the last of these in a stage counts: the one before it is in vain. */
const useOnce = (state: StageState, instruction: StageInstruction): void => {
  const before = state.last.get(instruction.kind);
  if (before !== undefined) {
    const finding = findingOf('MultipleInstructionsDisallowed', before.range, instruction.keyword);
    state.input.report.take(finding, instruction.comments);
  }
  state.last.set(instruction.kind, instruction);
};

const checkForm = (state: StageState, { command, keyword }: Of<'cmd'> | Of<'entrypoint'>): void => {
  if (command.form === 'shell' && (state.config.Shell ?? []).length === 0)
    reportIn(state, 'JSONArgsRecommended', keyword);
};

const cmd = (state: StageState, instruction: Of<'cmd'>): MetadataChange => {
  useOnce(state, instruction);
  checkForm(state, instruction);
  const args = commandOf(instruction.command, state.config);
  return { config: { Cmd: args, ArgsEscaped: true }, createdBy: `CMD ${quoteList(args)}` };
};

const entrypoint = (state: StageState, instruction: Of<'entrypoint'>): MetadataChange => {
  const { command } = instruction;
  useOnce(state, instruction);
  checkForm(state, instruction);
  const empty = command.form === 'exec' && command.args.length === 0;
  const args = commandOf(command, state.config);
  return {
    config: { Entrypoint: empty ? undefined : args, ...(state.last.has('cmd') ? {} : { Cmd: undefined }) },
    createdBy: `ENTRYPOINT ${quoteList(args)}`,
  };
};

const onbuild = (state: StageState, instruction: Of<'onbuild'>): MetadataChange => {
  located(state, instruction.range, () => parseTrigger(instruction.expression));
  state.triggers.push(instruction.expression);
  return { createdBy: `ONBUILD ${instruction.expression}` };
};

const user = (state: StageState, instruction: Of<'user'>): MetadataChange => {
  const name = valueIn(state, instruction.user);
  return { config: { User: name }, createdBy: `USER ${name}` };
};

const stopsignal = (state: StageState, instruction: Of<'stopsignal'>): MetadataChange => {
  const signal = valueIn(state, instruction.signal);
  if (!/^(?:\d+|(?:SIG)?[A-Z][A-Z0-9+-]*)$/iu.test(signal)) {
    throw badInstruction(
      state,
      instruction.range,
      `invalid signal: ${signal}`,
      'give a name such as SIGTERM or a number',
    );
  }
  return { config: { StopSignal: signal }, createdBy: `STOPSIGNAL ${signal}` };
};

/** Plans an instruction that only changes the configuration. */
export const planMetadata = (state: StageState, instruction: MetadataInstruction): MetadataChange => {
  switch (instruction.kind) {
    case 'arg':
      return arg(state, instruction);
    case 'env':
      return env(state, instruction);
    case 'label':
      return label(state, instruction);
    case 'expose':
      return expose(state, instruction);
    case 'volume':
      return volume(state, instruction);
    case 'cmd':
      return cmd(state, instruction);
    case 'entrypoint':
      return entrypoint(state, instruction);
    case 'onbuild':
      return onbuild(state, instruction);
    case 'user':
      return user(state, instruction);
    case 'stopsignal':
      return stopsignal(state, instruction);
    case 'shell':
      return { config: { Shell: instruction.shell }, createdBy: `SHELL [${instruction.shell.join(' ')}]` };
    case 'maintainer':
      state.author = instruction.author;
      return { createdBy: `MAINTAINER ${instruction.author}` };
    case 'healthcheck':
      useOnce(state, instruction);
      return { config: { Healthcheck: healthcheckOf(instruction) }, createdBy: healthHistory(instruction) };
    default:
      return instruction satisfies never;
  }
};

const healthHistory = (instruction: HealthcheckInstruction): string =>
  `HEALTHCHECK ${instruction.text.replace(/^\S+\s*/u, '')}`;

/** The directory that WORKDIR `path` means in a stage. */
export const workdirIn = (state: StageState, path: string): string => {
  const joined = posix.resolve('/', state.config.WorkingDir ?? '/', path);
  return joined === '' ? '/' : joined;
};
