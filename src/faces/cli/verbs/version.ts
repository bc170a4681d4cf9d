import type { VersionAnswer } from '#api';
import { alignColumns, ansicTime, compileTemplate, flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { report } from '../report.ts';
import { CLI_VERSION } from '../version-line.ts';

const API_VERSION = '1.51';
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** What docker's `version --format` finds under `.Client`. */
const clientVersion = () => ({
  Platform: { Name: '' },
  Version: CLI_VERSION,
  ApiVersion: API_VERSION,
  DefaultAPIVersion: API_VERSION,
  GitCommit: '',
  GoVersion: '',
  NodeVersion: process.version,
  Os: process.platform,
  Arch: ARCHITECTURES[process.arch] ?? process.arch,
  BuildTime: '',
  Context: 'default',
});

type ClientVersion = ReturnType<typeof clientVersion>;

const clientLines = (client: ClientVersion): readonly string[] => [
  'Client:',
  ` Version:\t${client.Version}`,
  ` API version:\t${client.ApiVersion}`,
  ` Node version:\t${client.NodeVersion}`,
  ` OS/Arch:\t${client.Os}/${client.Arch}`,
];

const engineLines = (server: VersionAnswer): readonly string[] => [
  `  Version:\t${server.Version}`,
  `  API version:\t${server.ApiVersion} (minimum version ${server.MinAPIVersion})`,
  ...(server.GoVersion === '' ? [] : [`  Go version:\t${server.GoVersion}`]),
  ...(server.GitCommit === '' ? [] : [`  Git commit:\t${server.GitCommit}`]),
  ...(server.BuildTime === '' ? [] : [`  Built:\t${ansicTime(server.BuildTime)}`]),
  `  OS/Arch:\t${server.Os}/${server.Arch}`,
  `  Experimental:\t${String(server.Experimental ?? false)}`,
];

const serverLines = (server: VersionAnswer): readonly string[] => {
  const others = server.Components.filter((component) => component.Name !== 'Engine');
  return [
    '',
    `Server:${server.Platform.Name === '' ? '' : ` ${server.Platform.Name}`}`,
    ' Engine:',
    ...engineLines(server),
    ...others.flatMap((component) => [
      ` ${component.Name}:`,
      `  Version:\t${component.Version}`,
      ...Object.entries(component.Details ?? {})
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => `  ${key}:\t${value}`),
    ]),
  ];
};

export const command = defineCommand({
  name: 'version',
  operands: '[OPTIONS]',
  summary: 'Show the Lade version information',
  flags: flagTable({
    format: { kind: 'string', short: 'f', help: "Format output: 'json' or a Go template" },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const client = clientVersion();
    let server: VersionAnswer | null = null;
    let problem: unknown;
    try {
      server = await (await cli.client()).json<VersionAnswer>({ method: 'GET', path: '/version' });
    } catch (error) {
      problem = error;
    }
    if (flags.format === undefined) {
      const lines = [...clientLines(client), ...(server === null ? [] : serverLines(server))];
      cli.out(`${alignColumns(lines.join('\n'), { minWidth: 20, padding: 1 })}\n`);
    } else {
      const template = compileTemplate(flags.format === 'json' ? '{{json .}}' : flags.format);
      cli.out(`${template({ Client: client, Server: server }, { missing: 'no-value' })}\n`);
    }
    if (problem !== undefined) report(cli, problem);
    return problem === undefined ? 0 : 1;
  },
});
