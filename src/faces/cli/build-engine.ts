import { readFileSync, readlinkSync } from 'node:fs';
import type { LadeInfoAnswer } from '#api';
import type { DockerClient } from '#client';
import { ladeCall } from './lade-call.ts';

/** This boot and this view of the file system; the daemon names its own in the same form. */
const machineId = (): string =>
  `${readFileSync('/proc/sys/kernel/random/boot_id').toString().trim()} ${readlinkSync('/proc/self/ns/mnt')}`;

/** Who builds: a Lade that sees the files we see, a Lade elsewhere, or another engine. */
export type BuildEngine = 'here' | 'elsewhere' | 'docker';

/** Asks the daemon. */
export const buildEngineOf = async (client: DockerClient): Promise<BuildEngine> => {
  const info = await ladeCall<LadeInfoAnswer>(client, { method: 'GET', path: '/lade/v1/info' });
  if (info === undefined) return 'docker';
  return client.host.kind === 'unix' && info.machineId === machineId() ? 'here' : 'elsewhere';
};
