import type { Cli } from './context.ts';

/** The platform asked for by `--platform`, else by DOCKER_DEFAULT_PLATFORM; undefined for that of the machine. */
export const wantedPlatform = ({ env }: Pick<Cli, 'env'>, given: string | undefined): string | undefined =>
  [given, env['DOCKER_DEFAULT_PLATFORM']].find((text) => text !== undefined && text !== '');
