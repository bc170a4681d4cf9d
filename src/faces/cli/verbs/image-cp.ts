import { encodeCredentials, openCredentials, repositoryOf } from '#client';
import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import type { Cli } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { transfer } from '../transfer.ts';

interface Copied {
  readonly Reference?: string;
}

/** Credentials of both sides, each under its repository. */
const credentialsFor = async (cli: Cli, names: readonly string[]): Promise<Record<string, string>> => {
  const stored = openCredentials(cli.configFolder);
  const found = await Promise.all(
    names.map(repositoryOf).map(async (name) => [name, await stored.find(name)] as const),
  );
  const known = found.flatMap(([name, each]) => (each === undefined ? [] : [[name, each] as const]));
  return { 'X-Registry-Config': encodeCredentials(Object.fromEntries(known)) };
};

export const command = defineCommand({
  name: 'image cp',
  operands: '[OPTIONS] SOURCE_IMAGE[:TAG|@DIGEST] TARGET_IMAGE[:TAG]',
  summary: 'Copy an image from registry to registry, without storing or unpacking it',
  flags: flagTable({
    'all-platforms': { kind: 'bool', on: true, help: 'Copy an index with everything in it' },
    platform: { kind: 'string', help: 'Copy only the image for this platform, such as linux/arm64' },
    quiet: { kind: 'bool', short: 'q', help: 'Print only the name and digest of the copy' },
    referrers: { kind: 'bool', help: 'Also copy what refers to the image: signatures, attestations' },
  }),
  args: [2, 2],
  async run(cli, { flags, given, args: [source = '', target = ''] }) {
    if (flags.platform !== undefined && flags['all-platforms'] && given.has('all-platforms'))
      throw cliErrors.optionsConflict({
        problem: 'conflicting options: --all-platforms and --platform',
        command: 'lade image cp',
      });
    if (flags.platform === undefined && !flags['all-platforms'])
      throw cliErrors.argumentInvalid({
        problem: '--all-platforms=false leaves open what to copy',
        advice: 'name one platform with --platform, such as linux/amd64',
      });
    let reference = '';
    await transfer(
      cli,
      {
        method: 'POST',
        path: '/lade/v1/images/copy',
        headers: await credentialsFor(cli, [source, target]),
        body: { source, target, platform: flags.platform, referrers: flags.referrers },
      },
      { quiet: flags.quiet, onAux: (aux) => (reference = (aux as Copied).Reference ?? '') },
    );
    cli.out(`${reference}\n`);
    return 0;
  },
});
