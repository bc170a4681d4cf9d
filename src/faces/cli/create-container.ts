import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { isLadeError } from '#errors';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';
import { familiarName, splitReference } from './image-names.ts';
import { pullImage } from './pull-image.ts';

interface Created {
  readonly Id: string;
  readonly Warnings?: readonly string[] | null;
}

export interface CreateOptions {
  readonly image: string;
  readonly name: string | undefined;
  readonly platform: string | undefined;
  /** `always`, `missing` (also undefined) or `never`. */
  readonly pull: string | undefined;
  readonly quiet: boolean;
  readonly idFile: string | undefined;
  readonly body: object;
}

const POLICIES: ReadonlySet<string> = new Set(['always', 'missing', 'never', '']);

/** The file is claimed before the container is made, and removed when it is not made. */
const claimIdFile = (path: string): { write(id: string): void; drop(): void } => {
  try {
    closeSync(openSync(path, 'wx', 0o644));
  } catch (error) {
    throw cliErrors.work(
      {
        message: `container ID file found, make sure the other container isn't running or delete ${path}`,
        advice: 'name another file with --cidfile',
      },
      error,
    );
  }
  return { write: (id) => writeFileSync(path, id), drop: () => rmSync(path, { force: true }) };
};

const shownName = (image: string): string => {
  const { name, tag, digest } = splitReference(image);
  if (digest !== '') return image;
  return `${familiarName(name)}:${tag === '' ? 'latest' : tag}`;
};

const pull = async (cli: Cli, options: CreateOptions): Promise<void> => {
  await pullImage(cli, options.image, {
    platform: options.platform,
    quiet: options.quiet,
    output: cli.stderr,
  });
};

const post = async (cli: Cli, options: CreateOptions): Promise<Created> => {
  const client = await cli.client();
  const query = { name: options.name, platform: options.platform };
  return await client.json<Created>({
    method: 'POST',
    path: '/containers/create',
    query,
    body: options.body,
  });
};

const isMissingImage = (error: unknown, options: CreateOptions): boolean =>
  isLadeError(error, 'not-found') &&
  options.pull !== 'never' &&
  !/^(sha256:)?[0-9a-f]{64}$/.test(options.image);

const makeContainer = async (cli: Cli, options: CreateOptions): Promise<Created> => {
  if (options.pull === 'always') await pull(cli, options);
  try {
    return await post(cli, options);
  } catch (error) {
    if (options.pull === 'always' || !isMissingImage(error, options)) throw error;
    if (!options.quiet) cli.note(`Unable to find image '${shownName(options.image)}' locally`);
    await pull(cli, options);
    return await post(cli, options);
  }
};

/** Creates a container and returns its id; pulls the image as `--pull` says. */
export const createContainer = async (cli: Cli, options: CreateOptions): Promise<string> => {
  if (!POLICIES.has(options.pull ?? ''))
    throw cliErrors.argumentInvalid({
      problem: `invalid pull option: '${options.pull ?? ''}': must be one of "always", "missing" or "never"`,
      advice: 'leave it out to pull what is missing',
    });
  const idFile = options.idFile === undefined ? undefined : claimIdFile(options.idFile);
  try {
    const created = await makeContainer(cli, options);
    for (const warning of created.Warnings ?? []) cli.note(`WARNING: ${warning}`);
    idFile?.write(created.Id);
    return created.Id;
  } catch (error) {
    idFile?.drop();
    throw error;
  }
};
