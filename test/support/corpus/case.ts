import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { project } from '../lade.ts';
import { mustRun } from '../process.ts';
import { BUILDER_NAMES } from './builders.ts';

const answerSchema = z.union([
  z.strictObject({
    run: z.array(z.string()).readonly(),
    output: z.string(),
    options: z.array(z.string()).default([]),
  }),
  /** `GET path` at a published port. */
  z.strictObject({ port: z.int(), path: z.string(), output: z.string() }),
]);

const caseSchema = z.strictObject({
  /** Second builders; each must understand the Dockerfile, or have one of its own: `Dockerfile.<builder>`. */
  builders: z.array(z.enum(BUILDER_NAMES)).min(1),
  /** Arguments of `build` that all builders take alike. */
  args: z.array(z.string()).default([]),
  /** The same, for one builder alone. */
  argsOf: z.partialRecord(z.enum(['lade', ...BUILDER_NAMES]), z.array(z.string())).default({}),
  /** A shell script, run in the context before anything is built: what a repository cannot hold. */
  prepare: z.string().default(''),
  /** The context is served too: the build arguments FILES and GIT say where. */
  served: z.boolean().default(false),
  /** Why `docker build` cannot send this to the daemon's API. */
  notByApi: z.string().optional(),
  /** Images to build first, with the same context: name to Dockerfile. */
  parents: z.record(z.string(), z.string()).default({}),
  /** How the image is run, and what it then says. */
  answer: answerSchema,
  /** Why a builder has a Dockerfile of its own. */
  equivalent: z.string().optional(),
  /** Files whose bytes are the clock's or chance: regular expression to reason. Only their content is not compared. */
  volatile: z.record(z.string(), z.string()).default({}),
});

export type CorpusCase = z.infer<typeof caseSchema> & {
  readonly name: string;
  /** The folder in the repository. */
  readonly folder: string;
  /** What no other Dockerfile of the corpus exercises, from its first comment. */
  readonly feature: string;
};

export const CORPUS = join(project, 'test', 'dockerfiles');
const OWN_FILES = /^(?:case\.json|Dockerfile\.(?:buildkit|legacy|buildah))$/;

const featureOf = (dockerfile: string): string | undefined =>
  /^\uFEFF?(?:#[^\n]*\n)*?# Feature: ([^\r\n]+)/.exec(dockerfile)?.[1]?.trim();

const readCase = (name: string): CorpusCase => {
  const folder = join(CORPUS, name);
  const value = caseSchema.parse(JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')));
  const feature = featureOf(readFileSync(join(folder, 'Dockerfile'), 'utf8'));
  if (feature === undefined) throw new Error(`${name}/Dockerfile does not begin with "# Feature: …"`);
  return { ...value, name, folder, feature };
};

export const readCases = (): readonly CorpusCase[] =>
  readdirSync(CORPUS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => readCase(name));

/** Copies a case's files to a place of its own, makes what they lack, and fixes the times. */
export const makeContext = async ({ folder, prepare }: CorpusCase, target: string): Promise<void> => {
  cpSync(folder, target, { recursive: true, filter: (path) => !OWN_FILES.test(basename(path)) });
  if (prepare !== '') await mustRun('sh', ['-ec', prepare], { cwd: target });
  const times = 'find . -depth -exec touch -h -d "2024-05-06 07:08:09 UTC" {} +';
  await mustRun('sh', ['-ec', times], { cwd: target });
};

/** The Dockerfile that a builder is given, where it needs one of its own. */
export const ownDockerfile = ({ folder }: CorpusCase, builder: string): string | undefined => {
  const path = join(folder, `Dockerfile.${builder}`);
  return existsSync(path) ? path : undefined;
};
