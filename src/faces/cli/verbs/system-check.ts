import type { CheckLine, CheckReport } from '#api';
import { flagTable, humanSize } from '#console';
import { cliErrors } from '../errors.ts';
import { defineCommand } from '../command.ts';
import type { Cli } from '../context.ts';

const showProgress = (cli: Cli, done: number, total: number): void => {
  if (cli.stderr.isTTY) cli.stderr.write(`\r\u001b[Kchecked ${done} of ${total}`);
};

const endProgress = (cli: Cli): void => {
  if (cli.stderr.isTTY) cli.stderr.write('\r\u001b[K');
};

const print = (cli: Cli, report: CheckReport): void => {
  for (const { state, repair, message } of report.findings)
    cli.out(`${repair === undefined ? state : `${state}, ${repair}`}: ${message}\n`);
  const sum = `${report.images} images, ${report.layers} layers, ${report.blobs} blobs, ${humanSize(report.bytes)} read`;
  const left = report.findings.filter(({ repair }) => repair !== 'repaired').length;
  const repaired = report.findings.length - left;
  const faults = left === 1 ? '1 fault' : `${left} faults`;
  cli.out(`${sum}: ${left === 0 ? 'no faults' : faults}${repaired === 0 ? '' : `, ${repaired} repaired`}\n`);
};

export const command = defineCommand({
  name: 'system check',
  operands: '[OPTIONS]',
  summary: 'Read everything again and compare it with its digests; exit code 1 when a fault is left',
  flags: flagTable({
    repair: { kind: 'bool', help: 'Fetch or make again what is damaged; what cannot be goes to quarantine' },
    format: { kind: 'string', help: "'json' prints the report as JSON" },
    quiet: { kind: 'bool', short: 'q', help: 'Only the exit code' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const client = await cli.client();
    const query = { repair: flags.repair };
    const request = { method: 'POST', path: '/lade/v1/system/check', query, signal: cli.signal } as const;
    let report: CheckReport | undefined;
    for await (const line of client.lines<CheckLine & { readonly error?: string }>(request)) {
      if (line.error !== undefined) {
        endProgress(cli);
        throw cliErrors.checkFailed({ problem: line.error });
      }
      if (line.kind === 'progress') showProgress(cli, line.done, line.total);
      else report = line.report;
    }
    endProgress(cli);
    if (report === undefined) throw cliErrors.checkFailed({ problem: 'the daemon ended before its report' });
    if (flags.format === 'json') cli.out(`${JSON.stringify(report)}\n`);
    else if (!flags.quiet) print(cli, report);
    return report.findings.every(({ repair }) => repair === 'repaired') ? 0 : 1;
  },
});
