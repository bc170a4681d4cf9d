import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { credentialFlags, dockerConfig } from '../registry-credentials.ts';

const NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;

/** A name as Kubernetes takes it (RFC 1123), which also needs no quotes in YAML but for these. */
const requireName = (flag: string, name: string): string => {
  if (NAME.test(name)) return JSON.stringify(name);
  throw cliErrors.argumentInvalid({
    problem: `--${flag} ${name} is no name of Kubernetes`,
    advice: 'use lower-case letters, digits, - and .',
  });
};

export const command = defineCommand({
  name: 'registry kubernetes-secret',
  operands: '[OPTIONS] SERVER',
  summary: "Print a Kubernetes pull secret with a robot's or a user's credentials",
  flags: flagTable({
    ...credentialFlags,
    name: { kind: 'string', help: 'Name of the secret (default "lade-registry")' },
    namespace: { kind: 'string', short: 'n', help: 'Namespace of the secret' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [server = ''] }) {
    const name = requireName('name', flags.name ?? 'lade-registry');
    const namespace = flags.namespace === undefined ? undefined : requireName('namespace', flags.namespace);
    const config = Buffer.from(await dockerConfig(cli, server, flags)).toString('base64');
    const lines = [
      'apiVersion: v1',
      'kind: Secret',
      'type: kubernetes.io/dockerconfigjson',
      'metadata:',
      `  name: ${name}`,
      ...(namespace === undefined ? [] : [`  namespace: ${namespace}`]),
      'data:',
      `  .dockerconfigjson: ${config}`,
    ];
    cli.out(`${lines.join('\n')}\n`);
    return 0;
  },
});
