import { flagTable, parseBytes } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { countsText, registryLines } from '../registry-lines.ts';

interface Finding {
  readonly kind: string;
  readonly repository?: string;
  readonly manifest?: string;
  readonly digest?: string;
  readonly problem: string;
  readonly repair?: string;
}

interface Report {
  readonly startedMs: number;
  readonly finishedMs?: number;
  readonly blobs: number;
  readonly bytes: number;
  readonly manifests: number;
  readonly findings: readonly Finding[];
  readonly more: number;
}

interface CheckLine {
  readonly finding?: Finding;
  readonly report?: Report;
}

const findingLine = ({ kind, repository, manifest, digest, problem, repair }: Finding): string => {
  const place = [repository, digest, manifest === undefined ? undefined : `of ${manifest}`]
    .filter((part) => part !== undefined)
    .join(' ');
  return [kind, place, problem, repair].filter((part) => part !== undefined && part !== '').join('\t');
};

const summary = ({ blobs, bytes, manifests, findings, more, finishedMs }: Report): string => {
  const count = findings.length + more;
  const state = finishedMs === undefined ? 'so far, unfinished' : 'checked';
  const unmended = findings.filter(({ repair }) => repair === undefined).length + more;
  const found = count === 0 ? 'all whole' : `${count} found, ${count - unmended} mended`;
  return `${state}: ${countsText({ blobs, manifests, bytes })}: ${found}`;
};

const exitCode = ({ findings, more }: Report): number =>
  more > 0 || findings.some(({ repair }) => repair === undefined) ? 1 : 0;

export const command = defineCommand({
  name: 'registry check',
  operands: '[OPTIONS]',
  summary:
    'Read everything while the registry serves, and say what is damaged; goes on where an earlier check was interrupted',
  flags: flagTable({
    ...registryFlags,
    json: { kind: 'bool', help: 'One JSON object a line' },
    last: { kind: 'bool', help: 'Show the last report instead' },
    rate: { kind: 'string', help: 'Bytes read in a second, such as 50MiB (default 50MiB)' },
    repair: { kind: 'bool', help: 'Move what is corrupt to quarantine, link again what can be' },
    restart: { kind: 'bool', help: 'Begin anew where an earlier check was interrupted' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    if (flags.last) {
      const { report } = await registry.json<CheckLine>({ method: 'GET', path: '/check' });
      if (report === undefined) {
        cli.out('there was no check yet\n');
        return 0;
      }
      if (flags.json) cli.out(`${JSON.stringify({ report })}\n`);
      else {
        for (const finding of report.findings) cli.out(`${findingLine(finding)}\n`);
        cli.out(`${summary(report)}\n`);
      }
      return exitCode(report);
    }
    const { repair, restart, rate = '50MiB' } = flags;
    const request = {
      method: 'POST',
      path: '/check',
      body: { repair, restart, bytesPerSecond: parseBytes(rate) },
    } as const;
    let code = 1;
    for await (const line of registryLines<CheckLine>(cli, registry, request)) {
      if (flags.json) cli.out(`${JSON.stringify(line)}\n`);
      else if (line.finding !== undefined) cli.out(`${findingLine(line.finding)}\n`);
      if (line.report === undefined) continue;
      if (!flags.json) cli.out(`${summary(line.report)}\n`);
      code = exitCode(line.report);
    }
    return code;
  },
});
