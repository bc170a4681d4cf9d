import { openCredentials } from '#client';
import { flagTable } from '#console';
import { runConformance, type CheckResult } from '#conformance';
import { defineCommand } from '../command.ts';
import type { Cli } from '../context.ts';
import { cliErrors } from '../errors.ts';

const SIGNS = { passed: 'ok', failed: 'FAILED', unsupported: 'open' } as const;

/** One line of at most so many characters: what a registry answers goes to a terminal. */
const MAX_REASON = 300;

const shortReason = (reason: string | undefined): string =>
  (reason ?? '')
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, MAX_REASON);

const lineOf = ({ outcome, level, id, says, reason }: CheckResult): string => {
  const why = shortReason(reason);
  return `${SIGNS[outcome].padEnd(6)}  ${level.padEnd(6)}  ${id}: ${says}${why === '' ? '' : `\n                ${why}`}\n`;
};

const baseUrl = (text: string): string => {
  const url = text.includes('://') ? text : `https://${text}`;
  if (URL.canParse(url) && /^https?:/.test(url)) return new URL(url).origin;
  throw cliErrors.argumentInvalid({
    problem: `${text} is not the URL of a registry`,
    advice: 'write http://HOST:PORT or https://HOST',
  });
};

const credentialsFor = async (cli: Cli, url: string) => {
  const found = await openCredentials(cli.configFolder).get(new URL(url).host);
  return found?.username === undefined
    ? undefined
    : { username: found.username, password: found.password ?? '' };
};

const summaryOf = (results: readonly CheckResult[]): string => {
  const count = (outcome: CheckResult['outcome'], ...levels: readonly string[]): number =>
    results.filter(
      (result) => result.outcome === outcome && (levels.length === 0 || levels.includes(result.level)),
    ).length;
  return [
    `${results.length} checks: ${count('passed')} passed`,
    `${count('failed', 'MUST')} MUST failed`,
    `${count('failed', 'SHOULD')} SHOULD failed`,
    `${count('failed', 'MAY')} MAY failed`,
    `${count('unsupported')} not offered`,
  ].join(', ');
};

export const command = defineCommand({
  name: 'registry conformance',
  operands: '[OPTIONS] URL',
  summary: 'Check what a registry does of distribution-spec 1.1',
  flags: flagTable({
    all: { kind: 'bool', help: 'Show what passed, too' },
    json: { kind: 'bool', help: 'One JSON object a line for every check' },
    only: { kind: 'string', help: 'Only checks whose id begins so, such as listing-tags' },
    prefix: { kind: 'string', help: 'First part of the repositories it pushes to (default conformance)' },
    insecure: { kind: 'bool', help: 'Accept any certificate' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [address = ''] }) {
    const url = baseUrl(address);
    const credentials = await credentialsFor(cli, url);
    const { insecure, only, prefix } = flags;
    const results: CheckResult[] = [];
    for await (const result of runConformance({
      url,
      credentials,
      insecure,
      only,
      prefix,
      signal: cli.signal,
    })) {
      results.push(result);
      if (flags.json) cli.out(`${JSON.stringify(result)}\n`);
      else if (flags.all || result.outcome !== 'passed') cli.out(lineOf(result));
    }
    cli.note(summaryOf(results));
    return results.some(({ outcome, level }) => outcome === 'failed' && level === 'MUST') ? 1 : 0;
  },
});
