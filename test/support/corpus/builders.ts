import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDockerd } from '../../bench/dockerd.ts';
import { project, type Machine } from '../lade.ts';
import { mustRun, run } from '../process.ts';
import type { Scratch } from '../scratch.ts';
import { BASES } from './bases.ts';

/** BuildKit of Debian sid's dockerd, the legacy builder of the same, and the buildah of this Debian. */
export const BUILDER_NAMES = ['buildkit', 'legacy', 'buildah'] as const;
export type BuilderName = (typeof BUILDER_NAMES)[number];

export interface BuildOptions {
  readonly context: string;
  readonly dockerfile: string;
  readonly args: readonly string[];
  /** What the image is called. */
  readonly image: string;
}

/** Something that builds images and can push them. */
export interface CorpusBuilder {
  readonly version: string;
  build(options: BuildOptions): Promise<void>;
  /** To a registry without TLS, under `host:port/repository:tag`. */
  push(image: string, target: string): Promise<void>;
}

export interface BuilderOptions {
  readonly scratch: Scratch;
  /** host:port of the registry that has the base images. */
  readonly registry: string;
  /** What is disposed at the end. */
  readonly stack: AsyncDisposableStack;
}

const STEPS_MS = 240_000;
const sid = join(project, '.cache', 'sid');
const BUILDX = join(sid, 'usr', 'libexec', 'docker', 'cli-plugins', 'docker-buildx');

/** Docker of Debian sid; its containers have the host's network, so that it changes no rules of the firewall. */
const startNewDocker = async ({ scratch, registry, stack }: BuilderOptions) => {
  const home = scratch.child('docker');
  const config = home.join('daemon.json');
  // The image store of containerd is what newer dockers have; the old one knows no --link.
  writeFileSync(config, '{ "features": { "containerd-snapshotter": true } }');
  mkdirSync(home.join('config'));
  stack.defer(async () => void (await run('umount', [home.join('de', 'netns', 'default')])));
  const daemon = await startDockerd(home, {
    program: join(sid, 'usr', 'sbin', 'dockerd'),
    path: join(sid, 'usr', 'bin'),
    args: ['--config-file', config, '--bridge=none', '--iptables=false', '--ip6tables=false'],
  });
  if (daemon === undefined) throw new Error('dockerd of Debian sid did not start');
  stack.use(daemon);
  const env = {
    ...process.env,
    DOCKER_HOST: daemon.host,
    DOCKER_CONFIG: home.join('config'),
    DOCKER_BUILDKIT: '0',
    BUILDX_NO_DEFAULT_ATTESTATIONS: '1',
  };
  const docker = (...args: string[]) => mustRun('docker', args, { env, timeoutMs: STEPS_MS });
  for (const base of BASES) {
    await docker('pull', '-q', `${registry}/corpus/${base}`);
    await docker('tag', `${registry}/corpus/${base}`, `corpus/${base}`);
  }
  return { daemon, env, docker };
};

type NewDocker = Awaited<ReturnType<typeof startNewDocker>>;

const pushByDocker =
  ({ docker }: NewDocker) =>
  async (image: string, target: string): Promise<void> => {
    await docker('tag', image, target);
    await docker('push', '-q', target);
  };

const buildkit = (docker: NewDocker): CorpusBuilder => ({
  version: `BuildKit of docker.io ${docker.daemon.version}`,
  async build({ context, dockerfile, args, image }) {
    const all = ['build', '--progress=plain', '--network=host', '-t', image, '-f', dockerfile, ...args, '.'];
    await mustRun(BUILDX, all, { env: docker.env, cwd: context, timeoutMs: STEPS_MS });
  },
  push: pushByDocker(docker),
});

const legacy = (docker: NewDocker): CorpusBuilder => ({
  version: `legacy builder of docker.io ${docker.daemon.version}`,
  async build({ context, dockerfile, args, image }) {
    const all = ['build', '--network=host', '-t', image, '-f', dockerfile, ...args, '.'];
    await mustRun('docker', all, { env: docker.env, cwd: context, timeoutMs: STEPS_MS });
  },
  push: pushByDocker(docker),
});

const startBuildah = async ({ scratch, registry, stack }: BuilderOptions): Promise<CorpusBuilder> => {
  const home = scratch.child('buildah');
  const own = ['--root', home.join('root'), '--runroot', home.join('run'), '--storage-driver', 'overlay'];
  const auth = home.join('auth.json');
  writeFileSync(auth, '{}');
  // Docker's own format keeps what OCI has no place for: HEALTHCHECK, SHELL, ONBUILD.
  const env = { ...process.env, REGISTRY_AUTH_FILE: auth, BUILDAH_FORMAT: 'docker', TMPDIR: home.path };
  const buildah = (args: readonly string[], cwd?: string) =>
    mustRun('buildah', [...own, ...args], { env, cwd, timeoutMs: STEPS_MS });
  stack.defer(async () => {
    await run('buildah', [...own, 'umount', '--all'], { env });
    await run('umount', [home.join('root', 'overlay')]);
  });
  for (const base of BASES) {
    await buildah(['pull', '-q', '--tls-verify=false', `${registry}/corpus/${base}`]);
    await buildah(['tag', `${registry}/corpus/${base}`, `corpus/${base}`]);
  }
  return {
    version: (await mustRun('buildah', ['--version'])).stdout.trim(),
    async build({ context, dockerfile, args, image }) {
      const settings = ['--isolation=chroot', '--network=host', '--pull-never', '--format=docker'];
      await buildah(['build', ...settings, '-t', image, '-f', dockerfile, ...args, '.'], context);
    },
    async push(image, target) {
      await buildah(['push', '-q', '--tls-verify=false', image, `docker://${target}`]);
    },
  };
};

/** Why a builder is not compared with; undefined where it is there. */
export const whyNoBuilder = async (name: BuilderName): Promise<string | undefined> => {
  if (name === 'buildah')
    return (await run('sh', ['-c', 'command -v buildah'])).code === 0
      ? undefined
      : 'buildah is not installed';
  return existsSync(BUILDX)
    ? undefined
    : 'Debian sid could not be reached for a new docker.io (npm run setup)';
};

/** Starts each builder when it is first asked for. */
export const createBuilders = (options: BuilderOptions) => {
  let docker: Promise<NewDocker> | undefined;
  let buildah: Promise<CorpusBuilder> | undefined;
  const newDocker = () => (docker ??= startNewDocker(options));
  return async (name: BuilderName): Promise<CorpusBuilder> => {
    if (name === 'buildah') return await (buildah ??= startBuildah(options));
    return name === 'buildkit' ? buildkit(await newDocker()) : legacy(await newDocker());
  };
};

/** Lade itself, as a builder of the corpus. */
export const ladeBuilder = async (machine: Machine, registry: string): Promise<CorpusBuilder> => {
  for (const base of BASES) {
    await machine.lade('pull', '-q', `${registry}/corpus/${base}`);
    await machine.lade('tag', `${registry}/corpus/${base}`, `corpus/${base}`);
  }
  return {
    version: 'Lade',
    async build({ context, dockerfile, args, image }) {
      const all = ['build', '--progress=plain', '-t', image, '-f', dockerfile, ...args, '.'];
      const result = await machine.tryLade(all, { cwd: context, timeoutMs: STEPS_MS });
      if (result.code !== 0)
        throw new Error(`lade ${all.join(' ')} ended with ${result.code}\n${result.stderr}`);
    },
    async push(image, target) {
      await machine.lade('tag', image, target);
      await machine.lade('push', '-q', target);
    },
  };
};
