import { readFileSync, readlinkSync } from 'node:fs';
import type { LadeInfoAnswer } from '#api';
import { clientErrors, type DockerClient } from '#client';
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

/** The condition under which a daemon may build in place: it sees the files that we see (RFC 9110, 13.1.1). */
export const onThisMachine = (): Readonly<Record<string, string>> => ({ 'If-Match': `"${machineId()}"` });

/**
 * Who builds instead, where a build in place on the condition above was answered by `error`; undefined when the error
 * is that of the build.
 */
export const otherEngineThan = async (
  client: DockerClient,
  error: unknown,
): Promise<Exclude<BuildEngine, 'here'> | undefined> => {
  // Other engines know nothing of the call.
  if (!clientErrors.notFound.is(error) && !clientErrors.preconditionFailed.is(error)) return undefined;
  const engine = await buildEngineOf(client);
  return engine === 'here' ? undefined : engine;
};
