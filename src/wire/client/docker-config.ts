import { join } from 'node:path';
import { fileSystem } from './builtins.ts';
import { clientErrors } from './errors.ts';

/** What is stored for one registry in config.json. */
export interface StoredAuth {
  /** base64 of `user:password`. */
  readonly auth?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly identitytoken?: string | undefined;
  readonly registrytoken?: string | undefined;
}

/** The parts of docker's config.json that Lade reads; the rest is kept as it is. */
export interface DockerConfig {
  readonly auths?: Readonly<Record<string, StoredAuth>> | undefined;
  readonly credsStore?: string | undefined;
  readonly credHelpers?: Readonly<Record<string, string>> | undefined;
  readonly detachKeys?: string | undefined;
  readonly psFormat?: string | undefined;
  readonly imagesFormat?: string | undefined;
  readonly proxies?: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined;
  readonly [other: string]: unknown;
}

/** DOCKER_CONFIG, or ~/.docker. */
export const configFolder = (env: NodeJS.ProcessEnv): string =>
  env['DOCKER_CONFIG'] || join(env['HOME'] ?? '/root', '.docker');

/**
 * Reads config.json; a missing file is an empty configuration.
 *
 * @throws CLIENT_CONFIG_INVALID
 */
export const readDockerConfig = (folder: string): DockerConfig => {
  const path = join(folder, 'config.json');
  try {
    const parsed: unknown = JSON.parse(fileSystem().readFileSync(path, 'utf8'));
    if (typeof parsed === 'object' && parsed !== null) return parsed as DockerConfig;
    throw clientErrors.configInvalid({ path, problem: 'it is no JSON object' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    const problem = error instanceof Error ? error.message : String(error);
    throw clientErrors.configInvalid({ path, problem }, error);
  }
};

/** The file itself, where config.json is a link to it. */
const realPath = (path: string): string => {
  try {
    return fileSystem().realpathSync(path);
  } catch {
    return path;
  }
};

/** Replaces config.json in one step, readable by its owner only. */
export const writeDockerConfig = (folder: string, config: DockerConfig): void => {
  const { mkdirSync, renameSync, rmSync, writeFileSync } = fileSystem();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = realPath(join(folder, 'config.json'));
  const temporary = `${path}.${process.pid}`;
  try {
    writeFileSync(temporary, `${JSON.stringify(config, null, '\t')}\n`, { mode: 0o600, flush: true });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
};
