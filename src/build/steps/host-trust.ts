import { stepsErrors } from './errors.ts';
import { constants, accessSync } from 'node:fs';
import type { MountInput } from '#runtime';

/** Where RUN steps find the host's CA bundle. */
export const HOST_CA_TARGET = '/run/lade/host-ca.pem';

/** Variables by which the usual tools find another bundle. */
export const HOST_CA_VARIABLES: readonly string[] = [
  'SSL_CERT_FILE',
  'NODE_EXTRA_CA_CERTS',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'GIT_SSL_CAINFO',
];

interface HostTrust {
  readonly mounts: readonly MountInput[];
  readonly env: ReadonlyMap<string, string>;
}

const NOTHING: HostTrust = { mounts: [], env: new Map() };

/**
 * Lets a step trust what the host trusts: the bundle read-only at a fixed path, and the variables that name it, unless
 * the step sets them itself. It is no part of image, layer, history or key.
 */
export const hostTrust = (path: string | undefined, own: ReadonlyMap<string, string>): HostTrust => {
  if (path === undefined) return NOTHING;
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw stepsErrors.hostCaUnreadable({ path }, error);
  }
  const names = HOST_CA_VARIABLES.filter((name) => !own.has(name));
  return {
    mounts: [{ kind: 'bind', source: path, target: HOST_CA_TARGET, readonly: true, inert: true }],
    env: new Map(names.map((name) => [name, HOST_CA_TARGET])),
  };
};
