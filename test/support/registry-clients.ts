/** Lade's registry as other people's clients see it: each with a home, a login and a storage of its own. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { hash } from 'bcryptjs';
import { makeCertificates } from './certificates.ts';
import { busyboxArchive, LADE, project, startMachine, startRegistry, type RegistryService } from './lade.ts';
import { mustRun, run, type Finished, type RunOptions } from './process.ts';
import { createScratch, type Scratch } from './scratch.ts';

const SID = join(project, '.cache', 'sid', 'usr');

/** A program of Debian sid, which set-up unpacks. */
export const fromSid = (path: string): string => join(SID, path);

/** Why tests that need programs of Debian sid cannot run; empty when they can. */
export const withoutSid = (...paths: readonly string[]): string => {
  const absent = paths.filter((path) => !existsSync(fromSid(path)));
  return absent.length === 0 ? '' : ` (needs ${absent.join(', ')} of Debian sid, unpacked by npm test)`;
};

/** Images in an OCI layout. */
export interface LocalImage {
  /** Folder of the layout, in which the index has the tag `1`. */
  readonly layout: string;
  /** Of the index, which has linux/amd64 and linux/arm64. */
  readonly digest: string;
  /** Hex names of everything that belongs to it, in order. */
  readonly blobs: readonly string[];
}

/** Names of the contents in an OCI layout, each compared with its bytes; what a cut left under other names is none. */
export const blobsIn = (layout: string): readonly string[] => {
  const folder = join(layout, 'blobs', 'sha256');
  return readdirSync(folder)
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .toSorted()
    .map((name) => {
      const actual = createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex');
      if (actual !== name) throw new Error(`${name} in ${layout} has the content of ${actual}`);
      return name;
    });
};

const DOCKERFILE = `FROM scratch
ARG TARGETARCH
ADD busybox.tar /
COPY data /data
COPY $TARGETARCH /arch
ENTRYPOINT ["/bin/cat", "/arch"]
`;

/** Builds an image of two platforms and three layers, one of a few megabytes. */
const buildImage = async (scratch: Scratch): Promise<LocalImage> => {
  const own = scratch.child('build');
  const script = `cp ${await busyboxArchive(own)} context/; head -c 5000000 /dev/urandom > context/data
    echo amd64 > context/amd64; echo arm64 > context/arm64`;
  mkdirSync(own.join('context'));
  writeFileSync(own.join('context', 'Dockerfile'), DOCKERFILE);
  await mustRun('sh', ['-ec', script], { cwd: own.path });
  await using machine = await startMachine(own);
  const layout = scratch.join('layout');
  const output = `type=oci,tar=false,dest=${layout}`;
  const platforms = 'linux/amd64,linux/arm64';
  await machine.lade('build', '--platform', platforms, '-o', output, '-t', 'image:1', own.join('context'));
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: readonly { digest: string }[];
  };
  return { layout, digest: index.manifests[0]?.digest ?? '', blobs: blobsIn(layout) };
};

/** How clients reach the registry. */
export const DOORS = ['plain HTTP', 'TLS and Basic', 'TLS and tokens'] as const;
export type Door = (typeof DOORS)[number];

/** A client with a home of its own. */
export interface Client {
  readonly scratch: Scratch;
  readonly env: NodeJS.ProcessEnv;
  /** Standard output; an exit code other than 0 is an error. */
  run(program: string, ...args: readonly string[]): Promise<string>;
  /** Whatever the exit code. */
  attempt(program: string, args: readonly string[], options?: RunOptions): Promise<Finished>;
}

export interface ClientSite extends AsyncDisposable {
  readonly scratch: Scratch;
  readonly door: Door;
  /** host:port */
  readonly address: string;
  readonly registry: RegistryService;
  /** File of the authority that signed the registry's certificate. */
  readonly ca: string | undefined;
  readonly user: { readonly name: string; readonly password: string } | undefined;
  readonly image: LocalImage;
  client(name: string): Client;
  /** What is behind a name in the registry, fetched by skopeo and compared with its digests. */
  judge(reference: string): Promise<{ readonly digest: string; readonly blobs: readonly string[] }>;
  /** Disposed with everything else. */
  readonly stack: AsyncDisposableStack;
}

const USER = { name: 'ann', password: 'pw:of ann' };

interface Guard {
  readonly flags: readonly string[];
  readonly ca: string;
  /** Lets the user in, once the registry serves. */
  admit(root: string): Promise<void>;
}

/** A registry behind TLS with one user: of an htpasswd file and by Basic alone, or of its own and by tokens. */
const guard = async (scratch: Scratch, door: Door): Promise<Guard> => {
  const { ca, server } = await makeCertificates(scratch);
  const users = scratch.join('htpasswd');
  writeFileSync(users, `${USER.name}:${await hash(USER.password, 4)}\n`);
  const basic = door === 'TLS and Basic';
  const access = basic ? { htpasswd: users, tokens: { enabled: false } } : { enabled: true };
  const settings = { tls: { certificate: server.cert, key: server.key }, access };
  // JSON is YAML.
  writeFileSync(scratch.join('registry.yaml'), JSON.stringify(settings));
  const admit = async (root: string): Promise<void> => {
    if (basic) return;
    const at = ['--registry', `unix://${root}/registry.sock`];
    const add = ['registry', 'user', 'add', ...at, '--password-stdin', USER.name];
    await mustRun(LADE, add, { input: USER.password });
    await mustRun(LADE, ['registry', 'grant', 'add', ...at, '--user', USER.name, 'admin', '**']);
  };
  return { flags: ['--config', scratch.join('registry.yaml')], ca, admit };
};

/** Where clients keep what they know, and how they learn of the registry: all of it below `own`. */
const environment = (own: Scratch, address: string, ca: string | undefined): NodeJS.ProcessEnv => {
  const containers = own.join('.config', 'containers');
  mkdirSync(own.join('docker'));
  writeFileSync(own.join('docker', 'config.json'), '{}');
  mkdirSync(containers, { recursive: true });
  const text = `[[registry]]\nlocation = "${address}"\ninsecure = ${ca === undefined}\n`;
  writeFileSync(join(containers, 'registries.conf'), text);
  return {
    ...process.env,
    PATH: `${process.env['PATH'] ?? ''}${delimiter}${SID}/bin`,
    HOME: own.path,
    XDG_RUNTIME_DIR: own.path,
    XDG_CONFIG_HOME: own.join('.config'),
    DOCKER_CONFIG: own.join('docker'),
    TUF_ROOT: own.join('tuf'),
    ...(ca === undefined ? {} : { SSL_CERT_FILE: ca }),
  };
};

const clientIn = (own: Scratch, env: NodeJS.ProcessEnv): Client => ({
  scratch: own,
  env,
  run: async (program, ...args) => (await mustRun(program, args, { env, cwd: own.path })).stdout,
  attempt: (program, args, options = {}) => run(program, args, { env, cwd: own.path, ...options }),
});

/** Starts a registry of its own behind `door`, and builds the image that clients push to it. */
export const startClientSite = async (door: Door): Promise<ClientSite> => {
  const scratch = createScratch();
  const stack = new AsyncDisposableStack();
  stack.defer(() => scratch[Symbol.dispose]());
  try {
    const guarded = door === 'plain HTTP' ? undefined : await guard(scratch, door);
    const ca = guarded?.ca;
    const root = scratch.join('registry');
    const registry = stack.use(await startRegistry(root, ...(guarded?.flags ?? [])));
    await guarded?.admit(root);
    const address = registry.address.replace('localhost', '127.0.0.1');
    const image = await buildImage(scratch);
    const client = (name: string): Client => {
      const own = scratch.child(name);
      return clientIn(own, environment(own, address, ca));
    };
    const judging = client('judge');
    const user = ca === undefined ? undefined : USER;
    const credentials = user === undefined ? [] : ['--src-creds', `${user.name}:${user.password}`];
    let judged = 0;
    return {
      scratch,
      door,
      address,
      registry,
      ca,
      user,
      image,
      client,
      stack,
      async judge(reference) {
        const layout = judging.scratch.join(String((judged += 1)));
        const copy = ['copy', '-q', '--all', '--preserve-digests', ...credentials];
        await judging.run('skopeo', ...copy, `docker://${reference}`, `oci:${layout}`);
        const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
          manifests: readonly { digest: string }[];
        };
        return { digest: index.manifests[0]?.digest ?? '', blobs: blobsIn(layout) };
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
};
