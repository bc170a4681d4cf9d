import { posix } from 'node:path';
import {
  parseTrigger,
  type ArgInstruction,
  type HealthcheckInstruction,
  type StageInstruction,
  type Word,
} from '#dockerfile';
import type { ContainerConfig, Healthcheck, JsonSet } from '#oci';
import { commandOf, quoteList } from './image-draft.ts';
import {
  badInstruction,
  declareArg,
  expandIn,
  located,
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
  const { buildArgs, globals, automatic } = state.input;
  const given = givenValue(buildArgs, name);
  if (given !== undefined) return given;
  if (value !== undefined) return valueIn(state, value);
  if (globals.declared.has(name)) return globals.declared.get(name);
  if (name === 'TARGETSTAGE') return state.stage.from.name?.value ?? String(state.index);
  return Object.hasOwn(automatic, name) ? automatic[name] : state.args.get(name);
};

const arg = (state: StageState, instruction: ArgInstruction): MetadataChange => {
  const shown = instruction.args.map(({ name, value }) => {
    const key = valueIn(state, name);
    const resolved = argValue(state, key, value);
    state.input.consumed.add(key);
    if (resolved !== undefined) declareArg(state, key, resolved);
    return resolved === undefined ? key : `${key}=${resolved}`;
  });
  return { createdBy: `ARG ${shown.join(' ')}` };
};

const env = (state: StageState, { pairs }: Of<'env'>): MetadataChange => {
  // All values see the variables as they were before the instruction.
  const added = pairs.map(({ key, value }) => [valueIn(state, key), valueIn(state, value)] as const);
  for (const [key, value] of added) setEnv(state, key, value);
  return { createdBy: `ENV ${added.map(([key, value]) => `${key}=${value}`).join(' ')}` };
};

const label = (state: StageState, { pairs }: Of<'label'>): MetadataChange => {
  const added = pairs.map(({ key, value }) => [valueIn(state, key), valueIn(state, value)] as const);
  return {
    config: { Labels: { ...state.config.Labels, ...Object.fromEntries(added) } },
    createdBy: `LABEL ${added.map(([key, value]) => `${key}=${value}`).join(' ')}`,
  };
};

const PORT = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/iu;
const MAX_PORT = 65_535;

const portsOf = (text: string): readonly string[] | undefined => {
  const [, first, last = first, protocol = 'tcp'] = PORT.exec(text) ?? [];
  const from = Number(first);
  const to = Number(last);
  if (first === undefined || from > to || to > MAX_PORT) return undefined;
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol.toLowerCase()}`);
};

const setOf = (before: JsonSet | undefined, members: readonly string[]): JsonSet => ({
  ...before,
  ...Object.fromEntries(members.map((member) => [member, {}])),
});

const expose = (state: StageState, { ports, range }: Of<'expose'>): MetadataChange => {
  const members = ports.flatMap((port) =>
    expandIn(state, port).words.flatMap((text) => {
      const found = portsOf(text);
      if (found !== undefined) return found;
      throw badInstruction(
        state,
        range,
        `invalid containerPort: ${text}`,
        'the form is 80, 80/udp or 8000-8010',
      );
    }),
  );
  return {
    config: { ExposedPorts: setOf(state.config.ExposedPorts, members) },
    createdBy: `EXPOSE [${members.join(' ')}]`,
  };
};

const volume = (state: StageState, { paths, range }: Of<'volume'>): MetadataChange => {
  const members = paths.map((path) => valueIn(state, path));
  if (members.includes('')) throw badInstruction(state, range, 'VOLUME specified can not be an empty string');
  return {
    config: { Volumes: setOf(state.config.Volumes, members) },
    createdBy: `VOLUME [${members.join(' ')}]`,
  };
};

const healthOf = (instruction: HealthcheckInstruction): Healthcheck => ({
  Test: instruction.test,
  ...(instruction.interval === 0 ? {} : { Interval: instruction.interval }),
  ...(instruction.timeout === 0 ? {} : { Timeout: instruction.timeout }),
  ...(instruction.startPeriod === 0 ? {} : { StartPeriod: instruction.startPeriod }),
  ...(instruction.startInterval === 0 ? {} : { StartInterval: instruction.startInterval }),
  ...(instruction.retries === 0 ? {} : { Retries: instruction.retries }),
});

const cmd = (state: StageState, { command }: Of<'cmd'>): MetadataChange => {
  const args = commandOf(command, state.config);
  state.cmdSet = true;
  return { config: { Cmd: args, ArgsEscaped: true }, createdBy: `CMD ${quoteList(args)}` };
};

const entrypoint = (state: StageState, { command }: Of<'entrypoint'>): MetadataChange => {
  const empty = command.form === 'exec' && command.args.length === 0;
  const args = commandOf(command, state.config);
  return {
    config: { Entrypoint: empty ? undefined : args, ...(state.cmdSet ? {} : { Cmd: undefined }) },
    createdBy: `ENTRYPOINT ${quoteList(args)}`,
  };
};

const onbuild = (state: StageState, instruction: Of<'onbuild'>): MetadataChange => {
  located(state, instruction.range, () => parseTrigger(instruction.expression));
  return {
    config: { OnBuild: [...(state.config.OnBuild ?? []), instruction.expression] },
    createdBy: `ONBUILD ${instruction.expression}`,
  };
};

const user = (state: StageState, instruction: Of<'user'>): MetadataChange => {
  const name = valueIn(state, instruction.user);
  if (name === '')
    throw badInstruction(state, instruction.range, 'USER is empty after its variables were replaced');
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
      return { config: { Healthcheck: healthOf(instruction) }, createdBy: healthHistory(instruction) };
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
