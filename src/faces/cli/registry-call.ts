import type { ClientRequest, DaemonHost, DockerClient } from '#client';
import { createDockerClient, openCredentials } from '#client';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';

/** The flag that every verb of `lade registry` has. */
export const registryFlags = {
  registry: {
    kind: 'string',
    help: 'The registry to talk to: a socket (unix:///DIR/registry.sock) or a URL (default $LADE_REGISTRY, then /var/lib/lade/registry/registry.sock)',
  },
} as const;

const DEFAULT_SOCKET = 'unix:///var/lib/lade/registry/registry.sock';
const API = '/lade/v1/registry';

interface Target {
  readonly host: DaemonHost;
  /** Key of the stored credentials; none for a socket. */
  readonly login: string | undefined;
}

const parseTarget = (address: string, env: NodeJS.ProcessEnv): Target => {
  if (address.startsWith('unix://') || address.startsWith('/'))
    return { host: { kind: 'unix', path: address.replace(/^unix:\/\//, '') }, login: undefined };
  const text = address.includes('://') ? address : `https://${address}`;
  if (!URL.canParse(text) || !/^https?:/.test(text))
    throw cliErrors.argumentInvalid({
      problem: `${address} is neither a socket nor the URL of a registry`,
      advice: 'write unix:///DIR/registry.sock or https://HOST:PORT',
    });
  const { protocol, hostname, port, host } = new URL(text);
  const secure = protocol === 'https:';
  const tls = secure ? { ca: env['SSL_CERT_FILE'], verify: true } : undefined;
  const number = port === '' ? (secure ? 443 : 80) : Number(port);
  return { host: { kind: 'tcp', host: hostname, port: number, tls }, login: host };
};

/** Calls the administration of a registry. */
export interface RegistryCalls {
  json<T>(request: ClientRequest): Promise<T>;
  lines<T>(request: ClientRequest): AsyncIterable<T>;
  stream(request: ClientRequest): ReturnType<DockerClient['stream']>;
  /** What the registry is called in messages. */
  readonly name: string;
}

const basicHeader = async (cli: Cli, login: string | undefined): Promise<Record<string, string>> => {
  const found = login === undefined ? undefined : await openCredentials(cli.configFolder).get(login);
  if (found?.username === undefined) return {};
  // A registry of Lade takes the refresh token that `docker login` may keep as a password, too.
  const secret = found.identitytoken ?? found.password ?? '';
  const proof = Buffer.from(`${found.username}:${secret}`).toString('base64');
  return { Authorization: `Basic ${proof}` };
};

/** A client of the registry that `--registry` names; paths are below `/lade/v1/registry`. */
export const registryCalls = async (
  cli: Cli,
  flags: { readonly registry?: string | undefined },
): Promise<RegistryCalls> => {
  const name = flags.registry ?? cli.env['LADE_REGISTRY'] ?? DEFAULT_SOCKET;
  const { host, login } = parseTarget(name, cli.env);
  const client = createDockerClient({ host });
  const headers = await basicHeader(cli, login);
  const complete = (request: ClientRequest): ClientRequest => ({
    ...request,
    path: `${API}${request.path}`,
    headers: { ...headers, ...request.headers },
  });
  return {
    name,
    json: <T>(request: ClientRequest) => client.json<T>(complete(request)),
    lines: <T>(request: ClientRequest) => client.lines<T>(complete(request)),
    stream: (request) => client.stream(complete(request)),
  };
};
