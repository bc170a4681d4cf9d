import { openCredentials } from '#client';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';
import { readAll } from './prompts.ts';
import { registryCalls, registryFlags } from './registry-call.ts';
import { endOf, permissionFlags, permissionsOf } from './registry-permissions.ts';

/** Flags of the verbs that print credentials for other programs. */
export const credentialFlags = {
  ...registryFlags,
  ...permissionFlags,
  'password-stdin': { kind: 'bool', help: 'Take the password or secret of --username from stdin' },
  robot: {
    kind: 'string',
    help: 'Make this robot account for it; it may pull everything unless told otherwise',
  },
  username: { kind: 'string', short: 'u', help: 'Credentials of this account, with --password-stdin' },
} as const;

interface Given {
  readonly registry?: string | undefined;
  readonly action: readonly string[];
  readonly expires?: string | undefined;
  readonly 'password-stdin': boolean;
  readonly repository: readonly string[];
  readonly robot?: string | undefined;
  readonly username?: string | undefined;
}

interface Login {
  readonly name: string;
  readonly secret: string;
}

const createRobot = async (cli: Cli, flags: Given, name: string): Promise<Login> => {
  const registry = await registryCalls(cli, flags);
  const permissions = permissionsOf(flags) ?? [{ pattern: '**', actions: ['pull'] }];
  const body = { name, permissions, expiresMs: endOf(flags.expires) };
  return await registry.json<Login>({ method: 'POST', path: '/robots', body });
};

const storedLogin = async (cli: Cli, host: string): Promise<Login> => {
  const found = await openCredentials(cli.configFolder).get(host);
  if (found?.username === undefined || found.password === undefined)
    throw cliErrors.argumentInvalid({
      problem: `there are no credentials for ${host}`,
      advice: `make a robot account with --robot NAME, give --username and --password-stdin, or \`lade login ${host}\``,
    });
  return { name: found.username, secret: found.password };
};

const loginOf = async (cli: Cli, flags: Given, host: string): Promise<Login> => {
  if (flags.robot !== undefined) return await createRobot(cli, flags, flags.robot);
  if (flags.username === undefined) return await storedLogin(cli, host);
  if (!flags['password-stdin'])
    throw cliErrors.argumentInvalid({
      problem: '--username needs --password-stdin',
      advice: 'passwords in arguments can be seen by everybody on the machine',
    });
  return { name: flags.username, secret: (await readAll(cli.stdin)).replace(/\r?\n$/, '') };
};

/** A config.json with the credentials of one registry, as docker, podman, kubelets and build tools read it. */
export const dockerConfigFor = async (cli: Cli, flags: Given, host: string): Promise<string> => {
  const { name, secret } = await loginOf(cli, flags, host);
  const auth = Buffer.from(`${name}:${secret}`).toString('base64');
  return JSON.stringify({ auths: { [host]: { auth } } }, null, 2);
};
