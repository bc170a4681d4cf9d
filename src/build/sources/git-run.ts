import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mount, MS, umount } from '#sys';
import { sourcesErrors } from './errors.ts';
import { gitAuthorization, type Secrets } from './remote-credentials.ts';
import type { SourceLimits } from './remote-limits.ts';
import { withoutPassword, type GitReference } from './remote-reference.ts';

/** git as builds run it: none of the machine's settings, no hooks, no prompts, no local paths. */
export interface Git extends AsyncDisposable {
  /** The repository's address without credentials, which git is told of apart from it. */
  readonly remote: string;
  /**
   * Runs git and gives its standard output. `onOutput` takes it in pieces instead; what it throws ends git.
   *
   * @throws `SOURCES_GIT_MISSING`, `SOURCES_REMOTE_NOT_FOUND`, `SOURCES_REMOTE_REFUSED`, `SOURCES_REMOTE_FAILED`
   */
  run(args: readonly string[], options?: GitRunOptions): Promise<string>;
}

interface GitRunOptions {
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** A repository of this machine may be read; only for those that are the builder's own. */
  readonly local?: boolean | undefined;
  readonly onOutput?: ((chunk: Buffer) => void) | undefined;
}

export interface GitOptions {
  readonly reference: GitReference;
  /** A private directory that outlives the build; host keys are remembered there. */
  readonly directory: string;
  /** Where what it needs meanwhile is mounted; what a killed process left there is swept. */
  readonly scratch: string;
  readonly limits: SourceLimits;
  readonly secrets: Secrets;
  /** Socket of an SSH agent. */
  readonly agent: string | undefined;
  /** Proxy variables, as RUN steps get them. */
  readonly proxies: Readonly<Record<string, string>>;
  readonly hostCa: string | undefined;
  readonly signal: AbortSignal;
}

const PROTOCOLS = ['http', 'https', 'git', 'ssh'];
const MAX_OUTPUT_BYTES = 16 << 20;
const TAIL_BYTES = 4096;
const KIB = 1024;
const MS_PER_SECOND = 1000;
const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'];

const CREDENTIALS = 'credentials';

/** As one word of a shell. */
const shellWord = (value: string): string => `'${value.replaceAll("'", String.raw`'\''`)}'`;

const quoted = (value: string): string => `"${value.replaceAll(/["\\]/gu, String.raw`\$&`)}"`;

interface Address {
  readonly remote: string;
  /** As git's own store of credentials has it. */
  readonly credentials: string | undefined;
}

/** Credentials in a URL would be seen in the process list and in the settings of the repository. */
const addressOf = ({ remote, transport }: GitReference): Address => {
  const url = transport === 'http' || transport === 'https' ? new URL(remote) : undefined;
  if (url === undefined || (url.username === '' && url.password === ''))
    return { remote, credentials: undefined };
  const credentials = url.href.replace(/(\/\/[^/]*)\/.*$/u, '$1');
  url.username = '';
  url.password = '';
  return { remote: url.href, credentials };
};

/** Settings that also reach the git processes that git itself starts for submodules. */
const settingsOf = ({ reference, secrets }: GitOptions, address: Address, home: string): string => {
  const { transport, host } = reference;
  const { remote, credentials } = address;
  const lines = [
    '[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n\tautocrlf = false\n\tsymlinks = true',
    '[init]\n\tdefaultBranch = main\n\ttemplateDir =',
    '[credential]\n\thelper =',
    '[gc]\n\tauto = 0',
    '[maintenance]\n\tauto = false',
    '[advice]\n\tdetachedHead = false',
    '[fetch]\n\trecurseSubmodules = false',
    '[protocol]\n\tallow = never',
    ...PROTOCOLS.map((name) => `[protocol "${name}"]\n\tallow = always`),
  ];
  if (credentials !== undefined) {
    const store = `store --file=${shellWord(join(home, CREDENTIALS))}`;
    lines.push(`[credential ${quoted(new URL(remote).origin)}]\n\thelper = ${quoted(store)}`);
  }
  const authorization =
    transport === 'ssh' || transport === 'git' ? undefined : gitAuthorization(secrets, host);
  if (authorization !== undefined) {
    const origin = new URL(remote).origin;
    // git sends a header on to wherever it is redirected.
    lines.push(
      `[http ${quoted(`${origin}/`)}]\n\tfollowRedirects = false`,
      `\textraHeader = ${quoted(`Authorization: ${authorization}`)}`,
    );
  }
  return `${lines.join('\n')}\n`;
};

const proxiesOf = (proxies: GitOptions['proxies']): Readonly<Record<string, string>> => {
  const found: Record<string, string> = {};
  for (const name of PROXY_VARIABLES) {
    const lower = name.toLowerCase();
    // curl reads HTTP_PROXY in lower case only.
    const value = proxies[name] ?? proxies[lower] ?? process.env[name] ?? process.env[lower];
    if (value !== undefined && value !== '') found[lower] = value;
  }
  return found;
};

const sshCommand = ({ directory, agent }: GitOptions): string =>
  [
    'ssh -F /dev/null -o BatchMode=yes -o IdentityFile=/dev/null -o StrictHostKeyChecking=accept-new',
    // Read from the variable, whatever its path has in it.
    `-o IdentityAgent=${agent === undefined ? 'none' : 'SSH_AUTH_SOCK'}`,
    `-o UserKnownHostsFile=${shellWord(`"${join(directory, 'known_hosts')}"`)}`,
  ].join(' ');

const environmentOf = (options: GitOptions, home: string): Readonly<Record<string, string>> => ({
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  HOME: home,
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: join(home, 'gitconfig'),
  GIT_ATTR_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: '/bin/false',
  GIT_SSH_COMMAND: sshCommand(options),
  GIT_ALLOW_PROTOCOL: PROTOCOLS.join(':'),
  ...proxiesOf(options.proxies),
  ...(options.agent === undefined ? {} : { SSH_AUTH_SOCK: options.agent }),
  ...(options.hostCa === undefined ? {} : { GIT_SSL_CAINFO: join(home, 'ca.pem') }),
});

const lastLines = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('hint:'))
    .slice(-3)
    .join('; ');

const REFUSED =
  /authentication failed|could not read (?:username|password)|terminal prompts disabled|permission denied|returned error: 40[13]|host key verification failed/iu;
const ABSENT =
  /repository .*not found|does not appear to be a git repository|returned error: 404|not found/iu;

const REDIRECTED = /returned error: 30[1278]/u;
const REDIRECT = 'it redirects elsewhere, and credentials are not sent on: name the address that it leads to';

const failure = (url: string, stderr: string, code: number | null) => {
  const problem =
    lastLines(stderr).replaceAll(/([a-z+]+:\/\/)[^/\s]*@/giu, '$1') || `git ended with ${code ?? 'a signal'}`;
  if (REDIRECTED.test(stderr)) return sourcesErrors.remoteFailed({ url, problem: REDIRECT });
  if (REFUSED.test(stderr)) return sourcesErrors.remoteRefused({ url, problem });
  return ABSENT.test(stderr)
    ? sourcesErrors.remoteNotFound({ url, problem })
    : sourcesErrors.remoteFailed({ url, problem });
};

interface Home extends AsyncDisposable {
  readonly path: string;
}

/** A place in memory for what may hold credentials. */
const openHome = (scratch: string): Home => {
  const path = join(scratch, `git-${randomUUID()}`);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  mount('lade-git', path, 'tmpfs', MS.NOSUID | MS.NODEV | MS.NOEXEC, 'mode=0700');
  mount('none', path, undefined, MS.PRIVATE);
  return {
    path,
    async [Symbol.asyncDispose]() {
      umount(path, { detach: true });
      await rm(path, { recursive: true, force: true });
    },
  };
};

interface Child {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly url: string;
  readonly limits: SourceLimits;
  readonly signal: AbortSignal;
  readonly onOutput: ((chunk: Buffer) => void) | undefined;
}

const runChild = (child: Child): Promise<string> =>
  new Promise((resolve, reject) => {
    const { args, env, url, limits, signal, onOutput } = child;
    // The shell sets what git passes on to its own children: modes of files, and how large one may become.
    const limit = Math.ceil(limits.downloadBytes / KIB) * 2;
    const script = `umask 022; ulimit -f ${limit}; command -v git >/dev/null || exit 127; exec git "$@"`;
    const started = spawn('/bin/sh', ['-c', script, 'git', ...args], {
      cwd: '/',
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const stop = (): void => {
      try {
        if (started.pid !== undefined) process.kill(-started.pid, 'SIGKILL');
      } catch {
        // It has ended already.
      }
    };
    let broken: unknown;
    let stderr = '';
    let size = 0;
    const chunks: Buffer[] = [];
    const fail = (error: unknown): void => {
      broken ??= error;
      stop();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    started.stdout.on('data', (chunk: Buffer) => {
      try {
        if (onOutput !== undefined) return onOutput(chunk);
        size += chunk.length;
        if (size > MAX_OUTPUT_BYTES)
          throw sourcesErrors.tooLarge({ what: `what git says of ${url}`, limit: '16 MiB' });
        chunks.push(chunk);
      } catch (error) {
        fail(error);
      }
    });
    started.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString('latin1')).slice(-TAIL_BYTES);
    });
    started.on('error', fail);
    started.on('close', (code) => {
      signal.removeEventListener('abort', stop);
      if (signal.aborted) reject(signal.reason);
      else if (broken !== undefined) reject(broken);
      else if (code === 0) resolve(Buffer.concat(chunks).toString('utf8'));
      else reject(code === 127 ? sourcesErrors.gitMissing({ url }) : failure(url, stderr, code));
    });
  });

const SYSTEM_BUNDLE = '/etc/ssl/certs/ca-certificates.crt';

/** The machine's authorities and those of a file: git takes one bundle only. */
const bundleWith = async (path: string): Promise<Buffer> => {
  const system = await readFile(SYSTEM_BUNDLE).catch(() => Buffer.alloc(0));
  return Buffer.concat([system, Buffer.from('\n'), await readFile(path)]);
};

/** Makes git ready for one repository. Disposing removes its settings, credentials among them. */
export const openGit = async (options: GitOptions): Promise<Git> => {
  const { reference, limits } = options;
  await using stack = new AsyncDisposableStack();
  const { path: home } = stack.use(openHome(options.scratch));
  const url = withoutPassword(reference.remote);
  const address = addressOf(reference);
  const { remote, credentials } = address;
  await writeFile(join(home, 'gitconfig'), settingsOf(options, address, home), { mode: 0o600 });
  if (credentials !== undefined)
    await writeFile(join(home, CREDENTIALS), `${credentials}\n`, { mode: 0o600 });
  if (options.hostCa !== undefined) await writeFile(join(home, 'ca.pem'), await bundleWith(options.hostCa));
  const env = environmentOf(options, home);
  const kept = stack.move();
  return {
    remote,
    async run(args, { env: more = {}, local = false, onOutput } = {}) {
      const late = AbortSignal.timeout(limits.fetchMs);
      const signal = AbortSignal.any([options.signal, late]);
      const own = local ? { GIT_ALLOW_PROTOCOL: 'file' } : {};
      const before = local ? ['-c', 'protocol.file.allow=always'] : [];
      try {
        return await runChild({
          args: [...before, ...args],
          env: { ...env, ...own, ...more },
          url,
          limits,
          signal,
          onOutput,
        });
      } catch (error) {
        if (late.aborted && !options.signal.aborted)
          throw sourcesErrors.remoteTimedOut({ url, seconds: limits.fetchMs / MS_PER_SECOND }, error);
        throw error;
      }
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
};
