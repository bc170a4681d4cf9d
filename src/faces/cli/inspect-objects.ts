import { isLadeError } from '#errors';
import { compileTemplate } from '#console';
import type { DockerClient, QueryValue } from '#client';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';
import { withDefaults } from './inspect-defaults.ts';
import { containerPath, imagePath } from './paths.ts';
import { report } from './report.ts';

/** Where a kind of object is found. */
export interface ObjectKind {
  readonly name: string;
  readonly path: (name: string) => string;
  readonly query?: Readonly<Record<string, QueryValue>>;
}

export const containerKind = (size: boolean): ObjectKind => ({
  name: 'container',
  path: (name) => containerPath(name, '/json'),
  query: { size },
});
export const IMAGE_KIND: ObjectKind = { name: 'image', path: (name) => imagePath(name, '/json') };
export const NETWORK_KIND: ObjectKind = {
  name: 'network',
  path: (name) => `/networks/${encodeURIComponent(name)}`,
};
export const VOLUME_KIND: ObjectKind = {
  name: 'volume',
  path: (name) => `/volumes/${encodeURIComponent(name)}`,
};

/** Fields that are maps in docker's own types: a key that is not there is `<no value>` and no error. */
const MAPS: ReadonlySet<string> = new Set([
  'Labels',
  'Ports',
  'Networks',
  'Options',
  'Volumes',
  'ExposedPorts',
  'PortBindings',
  'Sysctls',
  'Tmpfs',
  'Annotations',
  'Containers',
  'DriverOpts',
  'Data',
]);

/** The first kind that knows the name, or undefined. */
const find = async (client: DockerClient, kinds: readonly ObjectKind[], name: string): Promise<unknown> => {
  for (const kind of kinds) {
    try {
      return await client.json<unknown>({ method: 'GET', path: kind.path(name), query: kind.query });
    } catch (error) {
      if (!isLadeError(error, 'not-found') && !(kinds.length > 1 && isLadeError(error, 'invalid-argument')))
        throw error;
      if (kinds.length === 1) throw error;
    }
  }
  throw cliErrors.notFound({ what: 'object', name });
};

const render = (format: string | undefined, found: readonly unknown[]): string => {
  if (format === undefined || format === '') return `${JSON.stringify(found, null, 4)}\n`;
  const template = compileTemplate(format === 'json' ? '{{json .}}' : format);
  return found
    .map((object) => `${template(withDefaults(object), { missing: 'error', maps: MAPS })}\n`)
    .join('');
};

/** Prints what is found of `names` and reports the rest; returns the exit code. */
export const inspectObjects = async (
  cli: Cli,
  names: readonly string[],
  options: { readonly kinds: readonly ObjectKind[]; readonly format: string | undefined },
): Promise<number> => {
  const client = await cli.client();
  const found: unknown[] = [];
  const errors: unknown[] = [];
  for (const name of names) {
    try {
      found.push(await find(client, options.kinds, name));
    } catch (error) {
      errors.push(error);
    }
  }
  cli.out(render(options.format, found));
  for (const error of errors) report(cli, error);
  return errors.length === 0 ? 0 : 1;
};
