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

const keep = async (cli: Cli, key: string, credentials: RegistryCredentials): Promise<void> => {
  const saved = await openCredentials(cli.configFolder).save(key, credentials);
  if (saved === undefined) return;
  cli.note(`\nWARNING! Your credentials are stored unencrypted in '${saved}'.`);
  cli.note('Configure a credential helper to remove this warning.\n');
};

/** Whether what is stored under the key is still taken; a refusal is told where somebody can type. */
const storedIsTaken = async (cli: Cli, key: string): Promise<boolean> => {
  const credentials = openCredentials(cli.configFolder);
  const stored = await credentials.get(key);
  if (stored === undefined) return false;
  const name = stored.username === undefined ? '' : ` [Username: ${stored.username}]`;
  cli.note(`Authenticating with existing credentials...${name}`);
  try {
    const proved = await prove(cli, { ...stored, serveraddress: serverOf(key) });
    if (proved.identitytoken !== stored.identitytoken) await credentials.save(key, proved);
    return true;
  } catch (error) {
    if (!isLadeError(error, 'unauthenticated') || !cli.stdin.isTTY) throw error;
    cli.note(`Login did not succeed, error: ${error.message}`);
    return false;
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
    const isTaken = isBare && (await storedIsTaken(cli, key));
    const wanted = { username: flags.username, password };
    if (!isTaken) await keep(cli, key, await asked(cli, key, wanted));
    cli.out('Login Succeeded\n');
    return 0;
  },
});
