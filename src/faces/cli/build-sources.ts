import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Body } from '#api';
import { fieldsInvalid, readFields, refuseOthers } from './build-fields.ts';
import { cliErrors } from './errors.ts';

type ContextBody = NonNullable<Body<'ladeBuild'>['contexts']>[string];
type SshBody = NonNullable<Body<'ladeBuild'>['ssh']>;

const CONTEXT_ADVICE =
  'write --build-context NAME=PATH, =URL, =docker-image://IMAGE, =oci-layout://PATH[:TAG] or =target:STAGE';

/** Addresses that are fetched: git repositories and web addresses. */
export const isRemote = (place: string): boolean =>
  /^(https?:\/\/|git:\/\/|ssh:\/\/|github\.com\/|[\w.-]+@[\w.-]+:)/.test(place);

const ociLayout = (rest: string): ContextBody => {
  const match = /^(.*?)(?:@(sha256:[0-9a-f]{64})|:([\w][\w.-]{0,127}))?$/.exec(rest);
  const [, path = rest, digest, tag] = match ?? [];
  return { kind: 'oci-layout', path: resolve(path), reference: digest ?? tag };
};

const directoryContext = (word: string, path: string): ContextBody => {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    return { kind: 'directory', path: resolve(path) };
  throw fieldsInvalid({ flag: 'build-context', word }, `no directory ${path}`, CONTEXT_ADVICE);
};

const toContext = (word: string, value: string): ContextBody => {
  const [, scheme, rest = ''] = /^(docker-image|oci-layout):\/\/(.+)$/.exec(value) ?? [];
  if (scheme === 'docker-image') return { kind: 'image', reference: rest };
  if (scheme === 'oci-layout') return ociLayout(rest);
  if (value.startsWith('target:')) return { kind: 'target', stage: value.slice('target:'.length) };
  if (statSync(value, { throwIfNoEntry: false }) === undefined && isRemote(value))
    return { kind: 'remote', url: value };
  return directoryContext(word, value);
};

/** `--build-context NAME=VALUE`, by name. @throws CLI_ARGUMENT_INVALID */
export const readContexts = (words: readonly string[]): Record<string, ContextBody> =>
  Object.fromEntries(
    words.map((word) => {
      const split = word.indexOf('=');
      const [name, value] = [word.slice(0, Math.max(0, split)), word.slice(split + 1)];
      if (name === '' || value === '')
        throw fieldsInvalid({ flag: 'build-context', word }, 'expected key=value', CONTEXT_ADVICE);
      return [name, toContext(word, value)];
    }),
  );

const agentOf = (word: string, written: string | undefined, env: NodeJS.ProcessEnv): string => {
  const socket = written ?? env['SSH_AUTH_SOCK'];
  if (socket === undefined || socket === '')
    throw fieldsInvalid(
      { flag: 'ssh', word },
      'SSH_AUTH_SOCK is not set: no agent answers',
      'start one: eval "$(ssh-agent)"; ssh-add',
    );
  const found = statSync(socket, { throwIfNoEntry: false });
  if (found?.isSocket() === true) return resolve(socket);
  const problem = found === undefined ? `there is no ${socket}` : `${socket} is not the socket of an agent`;
  throw fieldsInvalid(
    { flag: 'ssh', word },
    problem,
    `keys are used through an agent only: eval "$(ssh-agent)"; ssh-add ${found?.isFile() === true ? socket : 'KEY'}; then --ssh ${word.split('=', 1)[0] ?? 'default'}`,
  );
};

/** `--ssh default` or `ID[=SOCKET]`, by id. @throws CLI_ARGUMENT_INVALID where no agent is behind it */
export const readAgents = (words: readonly string[], env: NodeJS.ProcessEnv): SshBody =>
  Object.fromEntries(
    words.map((word) => {
      const split = word.indexOf('=');
      const id = split === -1 ? word : word.slice(0, split);
      return [id, { socket: agentOf(word, split === -1 ? undefined : word.slice(split + 1), env) }];
    }),
  );

const SECRET_ADVICE = 'write --secret id=NAME,src=FILE or --secret id=NAME,env=VARIABLE';
/** Largest secret, as in BuildKit. */
const MAX_SECRET_BYTES = 500 * 1024;

const readSecretFile = (path: string): Buffer => {
  try {
    return readFileSync(path);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw cliErrors.fileUnreadable({ path, problem }, error);
  }
};

const readSecret = (word: string, env: NodeJS.ProcessEnv): readonly [string, string] => {
  const fields = readFields('secret', word, SECRET_ADVICE);
  refuseOthers(fields, ['id', 'src', 'source', 'type', 'env']);
  const { values } = fields;
  const [id, type] = [values.get('id') ?? '', values.get('type')];
  if (id === '') throw fieldsInvalid(fields, 'id is required', SECRET_ADVICE);
  if (type !== undefined && type !== 'file' && type !== 'env')
    throw fieldsInvalid(fields, `unsupported secret type "${type}"`, SECRET_ADVICE);
  const path = values.get('src') ?? values.get('source');
  const variable = values.get('env') ?? (type === 'env' ? (path ?? id) : undefined);
  const fromEnv =
    variable ?? (path === undefined && type !== 'file' && env[id] !== undefined ? id : undefined);
  const content = fromEnv === undefined ? readSecretFile(path ?? id) : Buffer.from(env[fromEnv] ?? '');
  if (content.length > MAX_SECRET_BYTES)
    throw fieldsInvalid(fields, 'secret too large, max 500KB', 'copy it in as a file instead');
  return [id, content.toString('base64')];
};

/** `--secret`: contents in base64, by id. @throws CLI_ARGUMENT_INVALID, CLI_FILE_UNREADABLE */
export const readSecrets = (words: readonly string[], env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(words.map((word) => readSecret(word, env)));
