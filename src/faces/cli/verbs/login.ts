import type { AuthAnswer } from '#api';
import { DOCKER_HUB, openCredentials, type RegistryCredentials } from '#client';
import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import type { Cli } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { askSecret, askText, readAll } from '../prompts.ts';

const flags = flagTable({
  username: { kind: 'string', short: 'u', help: 'Username' },
  password: { kind: 'string', short: 'p', help: 'Password or Personal Access Token (PAT)' },
  'password-stdin': { kind: 'bool', help: 'Take the Password or Personal Access Token (PAT) from stdin' },
});

const hostOf = (server: string): string => server.replace(/^https?:\/\//, '').replace(/\/.*$/, '');

const fromStdin = async (cli: Cli, username: string | undefined): Promise<string> => {
  if (username === undefined)
    throw cliErrors.argumentInvalid({
      problem: 'Must provide --username with --password-stdin',
      advice: 'add -u NAME',
    });
  return (await readAll(cli.stdin)).replace(/\r?\n$/, '');
};

interface Wanted {
  readonly host: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** What was given, what is stored, and what the person at the terminal types. */
const complete = async (cli: Cli, wanted: Wanted): Promise<RegistryCredentials> => {
  const serveraddress = wanted.host === 'docker.io' ? DOCKER_HUB : wanted.host;
  const stored = await openCredentials(cli.configFolder).find(wanted.host);
  if (wanted.username === undefined && wanted.password === undefined && stored !== undefined) {
    cli.note('Authenticating with existing credentials...');
    return { ...stored, serveraddress };
  }
  const username = wanted.username ?? (await askText(cli, 'Username: '));
  const password = wanted.password ?? (await askSecret(cli, 'Password: '));
  return { username, password, serveraddress };
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
        problem: 'cannot specify both --password and --password-stdin',
        command: 'lade login',
      });
    if (flags.password !== undefined)
      cli.note('WARNING! Using --password via the CLI is insecure. Use --password-stdin.');
    const host = hostOf(server ?? 'docker.io');
    const password = flags['password-stdin'] ? await fromStdin(cli, flags.username) : flags.password;
    const credentials = await complete(cli, { host, username: flags.username, password });
    const client = await cli.client();
    const answer = await client.json<AuthAnswer>({ method: 'POST', path: '/auth', body: credentials });
    const token = answer.IdentityToken === '' ? undefined : answer.IdentityToken;
    const saved = await openCredentials(cli.configFolder).save(host, {
      ...credentials,
      identitytoken: token,
    });
    if (saved !== undefined)
      cli.note(
        `\nWARNING! Your credentials are stored unencrypted in '${saved}'.\nConfigure a credential helper to remove this warning.\n`,
      );
    cli.out(`${answer.Status}\n`);
    return 0;
  },
});
