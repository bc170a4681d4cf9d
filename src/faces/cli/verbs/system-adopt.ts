import { resolve } from 'node:path';
import type { AdoptionReport } from '#api';
import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import type { Cli } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { transfer } from '../transfer.ts';

const DOCKER_SOCKET = 'unix:///var/run/docker.sock';

const count = (images: readonly unknown[]): string =>
  `${images.length} image${images.length === 1 ? '' : 's'}`;

const print = (cli: Cli, report: AdoptionReport): void => {
  for (const name of report.keptNames)
    cli.out(`${name} means another image here and stays; --move-names moves such names\n`);
  for (const { image, message, hint } of report.failed)
    cli.note(`${image}: ${message}${hint === undefined ? '' : ` (${hint})`}`);
  const failed = report.failed.length === 0 ? '' : `, ${count(report.failed)} could not be adopted`;
  cli.out(`Adopted ${count(report.adopted)}, ${count(report.present)} were here already${failed}\n`);
};

export const command = defineCommand({
  name: 'system adopt',
  operands: '[OPTIONS] docker',
  summary: 'Bring over the images of a Docker installation',
  flags: flagTable({
    'data-root': {
      kind: 'string',
      type: 'path',
      help: 'Read the data folder of a stopped dockerd (overlay2), instead of asking a running one',
    },
    host: { kind: 'string', help: `Address of the running dockerd (default "${DOCKER_SOCKET}")` },
    'move-names': { kind: 'bool', help: 'Move names that mean another image here' },
    quiet: { kind: 'bool', short: 'q', help: 'Show no progress' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [what = ''] }) {
    if (what !== 'docker')
      throw cliErrors.argumentInvalid({
        problem: `images of ${JSON.stringify(what)} cannot be adopted`,
        advice: 'write `lade system adopt docker`',
      });
    const dataRoot = flags['data-root'];
    let report: AdoptionReport | undefined;
    await transfer(
      cli,
      {
        method: 'POST',
        path: '/lade/v1/system/adopt',
        body: {
          ...(dataRoot === undefined
            ? { host: flags.host ?? DOCKER_SOCKET }
            : { dataRoot: resolve(dataRoot) }),
          moveNames: flags['move-names'],
        },
      },
      { quiet: flags.quiet, onAux: (aux) => (report = aux as AdoptionReport) },
    );
    if (report === undefined) return 1;
    print(cli, report);
    return report.failed.length === 0 ? 0 : 1;
  },
});
