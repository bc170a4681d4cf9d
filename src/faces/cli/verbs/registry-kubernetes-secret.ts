import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { credentialFlags, dockerConfigFor } from '../registry-credentials.ts';

const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

const requireObjectName = (name: string): string => {
  if (NAME.test(name)) return name;
  throw cliErrors.argumentInvalid({
    problem: `${JSON.stringify(name)} cannot be the name of a Kubernetes object`,
    advice: 'use lower-case letters, digits, - and .',
  });
};

export const command = defineCommand({
  name: 'registry kubernetes-secret',
  operands: '[OPTIONS] HOST[:PORT]',
  summary: 'Print a Secret of type kubernetes.io/dockerconfigjson for a registry, to be applied by kubectl',
  flags: flagTable({
    ...credentialFlags,
    name: { kind: 'string', help: 'Name of the Secret (default "registry")' },
    namespace: { kind: 'string', help: 'Its namespace (default: that of kubectl)' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [host = ''] }) {
    const name = requireObjectName(flags.name ?? 'registry');
    const namespace = flags.namespace === undefined ? undefined : requireObjectName(flags.namespace);
    const config = await dockerConfigFor(cli, flags, host);
    const lines = [
      'apiVersion: v1',
      'kind: Secret',
      'metadata:',
      `  name: ${name}`,
      ...(namespace === undefined ? [] : [`  namespace: ${namespace}`]),
      'type: kubernetes.io/dockerconfigjson',
      'data:',
      `  .dockerconfigjson: ${Buffer.from(config).toString('base64')}`,
    ];
    cli.out(`${lines.join('\n')}\n`);
    return 0;
  },
});
