import type { AuthAnswer } from '#api';
import { loginKey, openCredentials, type RegistryCredentials } from '#client';
import { flagTable } from '#console';
import { isLadeError } from '#errors';
import { defineCommand } from '../command.ts';
import type { Cli } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { askSecret, askText, readAll } from '../prompts.ts';

const flags = flagTable({
  username: { kind: 'string', short: 'u', help: 'Username' },
  password: { kind: 'string', short: 'p', help: 'Password or Personal Access Token (PAT)' },
  'password-stdin': { kind: 'bool', help: 'Take the Password or Personal Access Token (PAT) from stdin' },
});

const fromStdin = async (cli: Cli, username: string | undefined): Promise<string> => {
  if (username === undefined)
    throw cliErrors.argumentInvalid({
      problem: 'the --password-stdin option requires --username to be set',
      advice: 'add -u NAME',
    });
  return (await readAll(cli.stdin)).replace(/\r?\n$/, '');
};

/** What answers for a key: the host, of a namespace too. */
const serverOf = (key: string): string => (key.includes('://') ? key : (key.split('/', 1)[0] ?? key));

/** Proves credentials through the daemon; a refresh token that comes back stands for the password from then on. */
const prove = async (cli: Cli, credentials: RegistryCredentials): Promise<RegistryCredentials> => {
  const client = await cli.client();
  const answer = await client.json<AuthAnswer>({ method: 'POST', path: '/auth', body: credentials });
  const token = answer.IdentityToken === '' ? undefined : answer.IdentityToken;
  return token === undefined ? credentials : { ...credentials, identitytoken: token };
};

/** What is stored under the key, if the registry still takes it; a refusal is told where somebody can type. */
const withStored = async (cli: Cli, key: string): Promise<RegistryCredentials | undefined> => {
  const stored = await openCredentials(cli.configFolder).get(key);
  if (stored === undefined) return undefined;
  const name = stored.username === undefined ? '' : ` [Username: ${stored.username}]`;
  cli.note(`Authenticating with existing credentials...${name}`);
  try {
    return await prove(cli, { ...stored, serveraddress: serverOf(key) });
  } catch (error) {
    if (!isLadeError(error, 'unauthenticated') || !cli.stdin.isTTY) throw error;
    cli.note(`Login did not succeed, error: ${error.message}`);
    return undefined;
  }
};

interface Wanted {
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** What was given, and what the person at the terminal types. */
const asked = async (cli: Cli, key: string, wanted: Wanted): Promise<RegistryCredentials> => {
  const username = wanted.username ?? (await askText(cli, 'Username: '));
  const password = wanted.password ?? (await askSecret(cli, 'Password: '));
  if (username === '' || password === '')
    throw cliErrors.argumentInvalid({
      problem: username === '' ? 'username is empty' : 'password is empty',
      advice: 'give both',
    });
  return prove(cli, { username, password, serveraddress: serverOf(key) });
};

export const command = defineCommand({
  name: 'login',
  operands: '[OPTIONS] [SERVER]',
  summary: 'Authenticate to a registry',
  flags,
  args: [0, 1],
  async run(cli, { flags, args: [server] }) {
    if (flags.password !== undefined && flags['password-stdin'])
      throw cliErrors.optionsConflict({
        problem: 'conflicting options: cannot specify both --password and --password-stdin',
        command: 'lade login',
      });
    if (flags.password !== undefined)
      cli.note('WARNING! Using --password via the CLI is insecure. Use --password-stdin.');
    const key = loginKey(server ?? 'docker.io');
    const password = flags['password-stdin'] ? await fromStdin(cli, flags.username) : flags.password;
    const isBare = flags.username === undefined && password === undefined;
    const credentials =
      (isBare ? await withStored(cli, key) : undefined) ??
      (await asked(cli, key, { username: flags.username, password }));
    const saved = await openCredentials(cli.configFolder).save(key, credentials);
    if (saved !== undefined)
      cli.note(
        `\nWARNING! Your credentials are stored unencrypted in '${saved}'.\nConfigure a credential helper to remove this warning.\n`,
      );
    cli.out('Login Succeeded\n');
    return 0;
  },
});
