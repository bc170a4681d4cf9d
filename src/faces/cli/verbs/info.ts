import type { InfoAnswer } from '#api';
import { binarySize, compileTemplate, flagTable, visible } from '#console';
import { defineCommand } from '../command.ts';
import { CLI_VERSION } from '../version-line.ts';

const asText = (value: unknown): string => (typeof value === 'string' ? visible(value) : '');
const asList = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];

const line = (label: string, value: unknown, indent = 1): readonly string[] => {
  const text = typeof value === 'number' ? String(value) : asText(value);
  return text === '' ? [] : [`${' '.repeat(indent)}${label}: ${text}`];
};

const pluginsOf = (value: unknown): readonly string[] => {
  if (typeof value !== 'object' || value === null) return [];
  const entries = Object.entries(value as Record<string, unknown>)
    .filter(([, names]) => asList(names).length > 0)
    .map(([kind, names]) => `  ${kind}: ${asList(names).join(' ')}`);
  return entries.length === 0 ? [] : [' Plugins:', ...entries];
};

const securityOf = (value: unknown): readonly string[] => {
  const options = asList(value);
  if (options.length === 0) return [];
  const names = options.map((option) => {
    const fields = new Map(option.split(',').map((field) => field.split('=', 2) as [string, string]));
    const profile = fields.get('profile');
    return [
      `  ${fields.get('name') ?? option}`,
      ...(profile === undefined ? [] : [`   Profile: ${profile}`]),
    ];
  });
  return [' Security Options:', ...names.flat()];
};

const serverLines = (info: InfoAnswer): readonly string[] => [
  'Server:',
  ` Containers: ${info.Containers}`,
  `  Running: ${info.ContainersRunning}`,
  `  Paused: ${info.ContainersPaused}`,
  `  Stopped: ${info.ContainersStopped}`,
  ` Images: ${info.Images}`,
  ...line('Server Version', info.ServerVersion),
  ...line('Storage Driver', info.Driver),
  ...(info.DriverStatus ?? []).map(([key, value]) => `  ${visible(key)}: ${visible(value)}`),
  ...line('Logging Driver', info['LoggingDriver']),
  ...line('Cgroup Driver', info['CgroupDriver']),
  ...line('Cgroup Version', info.CgroupVersion),
  ...pluginsOf(info['Plugins']),
  ...line('Default Runtime', info['DefaultRuntime']),
  ...line('Init Binary', info['InitBinary']),
  ...securityOf(info['SecurityOptions']),
  ...line('Kernel Version', info.KernelVersion),
  ...line('Operating System', info.OperatingSystem),
  ...line('OSType', info.OSType),
  ...line('Architecture', info.Architecture),
  ...line('CPUs', info.NCPU),
  ` Total Memory: ${binarySize(info.MemTotal)}`,
  ...line('Name', info.Name),
  ...line('ID', info.ID),
  ...line('Docker Root Dir', info.DockerRootDir),
  ` Debug Mode: ${String(info['Debug'] === true)}`,
  ...line('HTTP Proxy', info['HttpProxy']),
  ...line('HTTPS Proxy', info['HttpsProxy']),
  ...line('No Proxy', info['NoProxy']),
  ` Experimental: ${String(info['ExperimentalBuild'] === true)}`,
  ` Live Restore Enabled: ${String(info['LiveRestoreEnabled'] === true)}`,
];

export const command = defineCommand({
  name: 'info',
  operands: '[OPTIONS]',
  summary: 'Display system-wide information',
  aliases: ['system info', 'info'],
  flags: flagTable({
    format: { kind: 'string', short: 'f', help: "Format output: 'json' or a Go template" },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const client = await cli.client();
    const info = await client.json<InfoAnswer>({ method: 'GET', path: '/info' });
    const about = { Debug: false, Version: CLI_VERSION, Context: 'default', Plugins: [], Warnings: null };
    if (flags.format !== undefined) {
      const template = compileTemplate(flags.format === 'json' ? '{{json .}}' : flags.format);
      cli.out(`${template({ ...info, ClientInfo: about }, { missing: 'no-value' })}\n`);
      return 0;
    }
    const head = ['Client:', ` Version:    ${CLI_VERSION}`, ' Context:    default', ' Debug Mode: false', ''];
    cli.out(`${[...head, ...serverLines(info)].join('\n')}\n`);
    for (const warning of info.Warnings ?? []) cli.note(visible(warning));
    return 0;
  },
});
