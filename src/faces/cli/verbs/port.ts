import type { ContainerInspect } from '#api';
import { defineCommand } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { containerPath } from '../paths.ts';

const address = (ip: string | undefined, port: string | undefined): string =>
  ip?.includes(':') === true ? `[${ip}]:${port ?? ''}` : `${ip ?? ''}:${port ?? ''}`;

const wantedKey = (port: string): string => (port.includes('/') ? port : `${port}/tcp`);

export const command = defineCommand({
  name: 'port',
  operands: 'CONTAINER [PRIVATE_PORT[/PROTO]]',
  summary: 'List port mappings or a specific mapping for the container',
  aliases: ['container port', 'port'],
  flags: {},
  args: [1, 2],
  async run(cli, { args: [container = '', port] }) {
    const client = await cli.client();
    const found = await client.json<ContainerInspect>({
      method: 'GET',
      path: containerPath(container, '/json'),
    });
    const ports = found.NetworkSettings.Ports;
    if (port !== undefined) {
      const bindings = ports[wantedKey(port)];
      if (bindings === undefined || bindings === null)
        throw cliErrors.work({
          message: `no public port '${wantedKey(port)}' published for ${container}`,
          advice: `'lade port ${container}' lists what is published; publish more with -p when the container is created`,
        });
      for (const binding of bindings) cli.out(`${address(binding.HostIp, binding.HostPort)}\n`);
      return 0;
    }
    const lines = Object.entries(ports).flatMap(([key, bindings]) =>
      (bindings ?? []).map((binding) => `${key} -> ${address(binding.HostIp, binding.HostPort)}\n`),
    );
    cli.out(lines.toSorted().join(''));
    return 0;
  },
});
