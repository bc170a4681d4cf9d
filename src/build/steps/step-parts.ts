import type { RunMount } from '#dockerfile';
import type { KeyPart } from '#solver';
import { withoutPassword } from '#sources';
import type { CopyOperation, Operation, RunOperation, WorkdirOperation } from './operations.ts';

const setting = (name: string, value: string): KeyPart => ({ kind: 'setting', name, value });
const instruction = (value: string): KeyPart => ({ kind: 'instruction', name: 'text', value });

/** What counts of a mount. The content of secrets and caches never does. */
const mountText = (mount: RunMount): string => JSON.stringify(mount);

const runParts = (operation: RunOperation, platform: string): readonly KeyPart[] => [
  instruction(JSON.stringify(['RUN', ...operation.args, operation.script?.content ?? ''])),
  ...Array.from(operation.env, ([name, value]): KeyPart => ({ kind: 'variable', name, value })),
  setting('user', operation.user),
  setting('workdir', operation.workdir),
  setting('network', operation.network),
  ...(operation.security === 'sandbox' ? [] : [setting('security', operation.security)]),
  ...operation.devices.map((device) => setting('device', device)),
  setting('platform', platform),
  ...operation.mounts.map((mount, index) => setting(`mount ${index + 1}`, mountText(mount))),
];

const copyParts = (operation: CopyOperation): readonly KeyPart[] => {
  const { inline, destination, chown, chmod, link, parents, excludes, unpack, unpackRemote } = operation;
  const sources = operation.sources.map(withoutPassword);
  const text = [unpack ? 'ADD' : 'COPY', sources, destination, inline.map(({ name }) => name)];
  return [
    instruction(JSON.stringify(text)),
    ...inline.map(({ name, content }): KeyPart => ({ kind: 'file', name: `<<${name}`, value: content })),
    setting(
      'flags',
      JSON.stringify({ chown, chmod, link, parents, excludes, ...(unpackRemote ? { unpackRemote } : {}) }),
    ),
  ];
};

const workdirParts = ({ path, user }: WorkdirOperation): readonly KeyPart[] => [
  instruction(JSON.stringify(['WORKDIR', path])),
  setting('user', user),
];

/** The ingredients of a step's key that the Dockerfile and the request decide. */
export const keyPartsOf = (operation: Operation, platform: string): readonly KeyPart[] => {
  if (operation.kind === 'run') return runParts(operation, platform);
  return operation.kind === 'copy' ? copyParts(operation) : workdirParts(operation);
};
