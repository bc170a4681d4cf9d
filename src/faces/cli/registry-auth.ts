import { encodeCredentials, openCredentials, repositoryOf } from '#client';
import type { Cli } from './context.ts';

/** Header with the credentials for the repository that `reference` names; empty credentials when none are known. */
export const authHeader = async (cli: Cli, reference: string): Promise<Readonly<Record<string, string>>> => {
  const found = await openCredentials(cli.configFolder).find(repositoryOf(reference));
  return { 'X-Registry-Auth': encodeCredentials(found ?? {}) };
};

/** Header with the credentials for every registry, for builds. */
export const configHeader = async (cli: Cli): Promise<Readonly<Record<string, string>>> => ({
  'X-Registry-Config': encodeCredentials(await openCredentials(cli.configFolder).all()),
});
