import type { BuildDescription, BuildLine } from '#api';
import { alignColumns } from '#console';
import { LadeError } from '#errors';
import { chooseBuildContext } from './build-context.ts';
import { buildEngineOf } from './build-engine.ts';
import { silent } from './build-events.ts';
import type { BuildFlags } from './build-flags.ts';
import { ladeBuildCall } from './build-lade.ts';
import { readBuildOptions } from './build-options.ts';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';

type Call = BuildDescription['kind'];

const CALLS: readonly Call[] = ['check', 'outline', 'targets'];

/** What is asked for instead of a build, and whether as JSON. */
export interface DescriptionOrder {
  readonly call: Call;
  readonly json: boolean;
}

/** `--call=check|outline|targets[,format=json|text]`, `--check`; undefined for a build. */
export const descriptionOrder = (flags: BuildFlags): DescriptionOrder | undefined => {
  const [written = '', ...fields] = (flags.check ? 'check' : (flags.call ?? 'build')).split(',');
  const name = written.replace(/^(?:frontend\.)?(?:lint$)?/u, (found) =>
    found.endsWith('lint') ? 'check' : '',
  );
  const formats = fields.map((field) => /^format=(json|text)$/u.exec(field)?.[1]);
  const call = CALLS.find((each) => each === name);
  if (name === 'build' && fields.length === 0) return undefined;
  if (call !== undefined && !formats.includes(undefined)) return { call, json: formats.at(-1) === 'json' };
  throw cliErrors.argumentInvalid({
    problem: `invalid value "${flags.call ?? ''}" for --call`,
    advice: 'the form is build, or check, outline or targets, with ,format=json where wanted',
  });
};

/** Rows under their heads. */
const formatTable = (rows: readonly (readonly string[])[]): string =>
  alignColumns(
    `${rows.map((row) => row.map((cell) => cell.replaceAll(/\s/gu, ' ')).join('\t')).join('\n')}\n`,
    {
      minWidth: 0,
      padding: 3,
    },
  );

type Check = Extract<BuildDescription, { kind: 'check' }>;
type Outline = Extract<BuildDescription, { kind: 'outline' }>;
type Targets = Extract<BuildDescription, { kind: 'targets' }>;

const countOf = (count: number): string => {
  if (count === 0) return 'Check complete, no warnings found.';
  return count === 1
    ? 'Check complete, 1 warning has been found!'
    : `Check complete, ${count} warnings have been found!`;
};

const checkText = ({ file, findings, error }: Check): string => {
  const parts = findings.map(
    ({ rule, message, lines, excerpt }) =>
      `WARNING: ${rule}\n${message}\n${file}:${lines.first}\n${excerpt}\n`,
  );
  const failed = error === undefined ? [] : [`ERROR: ${error.message}\n(${error.hint})\n`];
  return [...(error === undefined ? [`${countOf(findings.length)}\n`] : []), ...parts, ...failed].join('\n');
};

const needs = (title: string, rows: Outline['secrets']): readonly string[] =>
  rows.length === 0
    ? []
    : [
        formatTable([
          [title, 'REQUIRED'],
          ...rows.map(({ name, required }) => [name, required ? 'true' : '']),
        ]),
      ];

const outlineText = (outline: Outline): string => {
  const { name, description } = outline;
  const args = outline.arguments.map((each) => [each.name, each.value, each.description]);
  const head = [
    ...(name === '' && description === '' ? [] : [`TARGET: ${name === '' ? '(default)' : name}`]),
    ...(description === '' ? [] : [`DESCRIPTION: ${description}`]),
  ];
  return [
    ...(head.length === 0 ? [] : [`${head.join('\n')}\n`]),
    ...(args.length === 0 ? [] : [formatTable([['BUILD ARG', 'VALUE', 'DESCRIPTION'], ...args])]),
    ...needs('SECRET', outline.secrets),
    ...needs('SSH', outline.ssh),
    ...needs('CACHE', outline.caches),
  ].join('\n');
};

const targetName = ({ name, isDefault }: Targets['targets'][number]): string =>
  [name, ...(isDefault ? ['(default)'] : [])].filter((word) => word !== '').join(' ');

const targetsText = ({ targets }: Targets): string =>
  formatTable([['TARGET', 'DESCRIPTION'], ...targets.map((each) => [targetName(each), each.description])]);

const textOf = (description: BuildDescription): string => {
  if (description.kind === 'check') return checkText(description);
  return description.kind === 'outline' ? outlineText(description) : targetsText(description);
};

/** Asks the daemon and prints its answer; 1 where a check found something. */
export const describeBuild = async (
  cli: Cli,
  asked: { readonly place: string; readonly flags: BuildFlags },
  { call, json }: DescriptionOrder,
): Promise<number> => {
  const { place, flags } = asked;
  const context = await chooseBuildContext(cli, { place, file: flags.file });
  const read = readBuildOptions(cli, flags);
  const options = { ...read, order: { ...read.order, call } };
  const client = await cli.client();
  const engine = await buildEngineOf(client);
  if (engine === 'docker')
    throw cliErrors.notSupported({
      feature: `--call=${call} with a daemon that is not Lade's`,
      instead: 'use docker buildx there',
    });
  const request = await ladeBuildCall(cli, { engine, context, options, progress: silent });
  let found: BuildDescription | undefined;
  for await (const line of client.lines<BuildLine>({ ...request, signal: cli.signal })) {
    if (line.kind === 'error') throw new LadeError(line.error);
    if (line.kind === 'description') found = line.description;
  }
  if (found === undefined)
    throw cliErrors.work({ message: 'the daemon did not answer', advice: "look into the daemon's log" });
  cli.out(json ? `${JSON.stringify(found, undefined, 2)}\n` : textOf(found));
  return found.kind === 'check' && (found.findings.length > 0 || found.error !== undefined) ? 1 : 0;
};
