import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';
import { readAll } from './prompts.ts';
import { registryCalls, registryFlags } from './registry-call.ts';
import { endOf, permissionFlags, permissionsOf } from './registry-permissions.ts';

/** The flags of verbs that print credentials: of a robot that is made for it, or of somebody who is there. */
export const credentialFlags = {
  ...registryFlags,
  ...permissionFlags,
  'password-stdin': { kind: 'bool', help: 'With --user: take the password or token from stdin' },
  robot: {
    kind: 'string',
    help: 'Make this robot, and print its credentials; it may pull everything unless --action or --repository say otherwise',
  },
  user: { kind: 'string', short: 'u', help: 'Print credentials of this user or robot' },
} as const;

interface Given {
  readonly registry: string | undefined;
  readonly robot: string | undefined;
  readonly user: string | undefined;
  readonly 'password-stdin': boolean;
  readonly action: readonly string[];
  readonly repository: readonly string[];
  readonly expires: string | undefined;
}

const PULL_EVERYTHING = [{ pattern: '**', actions: ['pull'] }];

const makeRobot = async (cli: Cli, name: string, flags: Given) => {
  const registry = await registryCalls(cli, flags);
  const made = await registry.json<{ readonly name: string; readonly secret: string }>({
    method: 'POST',
    path: '/robots',
    body: { name, permissions: permissionsOf(flags) ?? PULL_EVERYTHING, expiresMs: endOf(flags.expires) },
  });
  return { username: made.name, password: made.secret };
};

/** The text of a docker configuration with the credentials that the flags mean. */
export const dockerConfig = async (cli: Cli, server: string, flags: Given): Promise<string> => {
  const { robot, user } = flags;
  if ((robot === undefined) === (user === undefined) || (user !== undefined && !flags['password-stdin']))
    throw cliErrors.argumentInvalid({
      problem: 'credentials are those of a new robot, or of a user with a password from stdin',
      advice: 'give --robot NAME, or --user NAME --password-stdin',
    });
  const { username, password } =
    robot === undefined
      ? { username: user ?? '', password: (await readAll(cli.stdin)).replace(/\r?\n$/, '') }
      : await makeRobot(cli, robot, flags);
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  return `${JSON.stringify({ auths: { [server]: { auth } } }, undefined, 2)}\n`;
};
