/** The main job with the unmodified docker CLI against `lade daemon` and Lade's own registry. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  busyboxArchive,
  startMachine,
  startRegistry,
  type Machine,
  type RegistryService,
} from './support/lade.ts';
import { mustRun, run } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
let machine: Machine;
let registry: RegistryService;
const docker = (...args: string[]) => machine.docker(...args);
const out = async (...args: string[]): Promise<string> => (await docker(...args)).stdout.trim();

const DOCKERFILE = `ARG BASE=test/busybox
FROM \${BASE}
ENV GREETING=hello
WORKDIR /srv
COPY index.html www/
RUN echo built > www/built.txt && chown web:web www/built.txt
EXPOSE 8080
USER web
CMD ["httpd", "-f", "-p", "8080", "-h", "/srv/www"]
`;

beforeAll(async () => {
  machine = await startMachine(scratch);
  registry = await startRegistry(scratch.join('registry'));
  await docker('import', await busyboxArchive(scratch), 'test/busybox');
  mkdirSync(scratch.join('context'));
  writeFileSync(scratch.join('context', 'Dockerfile'), DOCKERFILE);
  writeFileSync(scratch.join('context', 'index.html'), 'welcome aboard\n');
});

afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await machine?.[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

/** Runs a docker command in a terminal of its own; `script` types end-of-file at once unless its input stays open. */
const inTerminal = async (command: string): Promise<string> => {
  const env = { ...process.env, DOCKER_HOST: `unix://${machine.socket}` };
  return (await mustRun('sh', ['-c', `sleep 2 | script -qec '${command}' /dev/null`], { env })).stdout;
};

const waitFor = async (what: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + 15_000;
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error('it did not happen within 15 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

test('build --squash, which docker offers only where the daemon calls itself experimental', async () => {
  mkdirSync(scratch.join('squash'));
  const lines = ['FROM test/busybox', 'RUN echo 1 > /one', 'RUN echo 2 > /two', ''];
  writeFileSync(scratch.join('squash', 'Dockerfile'), lines.join('\n'));
  const layers = async (...flags: string[]): Promise<number> => {
    const id = (await out('build', '-q', ...flags, scratch.join('squash'))).split('\n').at(-1) ?? '';
    return Number(await out('inspect', '-f', '{{len .RootFS.Layers}}', id));
  };
  expect([await layers(), await layers('--squash')]).toEqual([3, 2]);
});

describe('the engine', () => {
  test('version, info and ping answer', async () => {
    expect(await out('version', '--format', '{{.Server.APIVersion}}')).toBe('1.51');
    expect(await out('info', '--format', '{{.OSType}} {{.Driver}}')).toMatch(/^linux \w+/);
  });

  test('an unknown image is not found, with docker’s words and exit code', async () => {
    const result = await machine.tryDocker(['inspect', 'no/such:image']);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('No such object: no/such:image');
  });
});

describe('build, list, tag', () => {
  test('POST /build builds the Dockerfile, then takes every step from the cache', async () => {
    const first = await docker('build', '-t', 'shop/web:1.0', scratch.join('context'));
    expect(first.stdout).toContain('Step 1/');
    expect(first.stdout).toMatch(/Successfully built [0-9a-f]{12}/);
    expect(first.stdout).toContain('Successfully tagged shop/web:1.0');
    const id = await out('inspect', '-f', '{{.Id}}', 'shop/web:1.0');
    const second = await docker('build', '-t', 'shop/web:1.0', scratch.join('context'));
    expect(second.stdout).toContain('Using cache');
    expect(await out('inspect', '-f', '{{.Id}}', 'shop/web:1.0')).toBe(id);
  });

  test('a failing RUN ends the build with its exit code and leaves no image', async () => {
    const before = await out('images', '-aq');
    const result = await machine.tryDocker(['build', '-t', 'broken', '-'], {
      input: 'FROM test/busybox\nRUN echo about to fail; exit 7\n',
    });
    expect(result.code).toBe(7);
    expect(result.stdout + result.stderr).toContain('about to fail');
    expect(result.stderr).toMatch(/returned a non-zero code: 7|exit code: 7/);
    expect(await out('images', '-aq')).toBe(before);
  });

  test('images, history and inspect show what was built', async () => {
    expect(await out('images', '--format', '{{.Repository}}:{{.Tag}}')).toContain('shop/web:1.0');
    const history = await out('history', '--no-trunc', '--format', '{{.CreatedBy}}', 'shop/web:1.0');
    expect(history).toContain('CMD ["httpd"');
    expect(history).toContain('echo built > www/built.txt');
    const config = JSON.parse(await out('inspect', '-f', '{{json .Config}}', 'shop/web:1.0')) as Record<
      string,
      unknown
    >;
    expect(config).toMatchObject({ User: 'web', WorkingDir: '/srv', ExposedPorts: { '8080/tcp': {} } });
  });

  test('tag adds a name to the same image', async () => {
    await docker('tag', 'shop/web:1.0', 'shop/web:other');
    expect(await out('inspect', '-f', '{{.Id}}', 'shop/web:other')).toBe(
      await out('inspect', '-f', '{{.Id}}', 'shop/web:1.0'),
    );
    expect((await docker('rmi', 'shop/web:other')).stdout.trim()).toBe('Untagged: shop/web:other');
  });
});

describe('run', () => {
  test('--rm prints the output and hands on the exit code', async () => {
    expect(await out('run', '--rm', 'test/busybox', 'echo', 'hi')).toBe('hi');
    expect((await machine.tryDocker(['run', '--rm', 'test/busybox', 'sh', '-c', 'exit 42'])).code).toBe(42);
    expect((await machine.tryDocker(['run', '--rm', 'test/busybox', 'no-such-command'])).code).toBe(127);
    expect((await machine.tryDocker(['run', '--rm', 'no/such:image', 'true'])).code).toBe(125);
  });

  test('-e, -w, -u and --entrypoint reach the process', async () => {
    const args = ['-e', 'A=1', '-w', '/tmp', '-u', '1000', '--entrypoint', '/bin/sh'];
    expect(await out('run', '--rm', ...args, 'test/busybox', '-c', 'echo $A $PWD $(id -u)')).toBe(
      '1 /tmp 1000',
    );
  });

  test('-i passes standard input until its end', async () => {
    const result = await machine.tryDocker(['run', '--rm', '-i', 'test/busybox', 'wc', '-c'], {
      input: 'x'.repeat(70_000),
    });
    expect(result.stdout.trim()).toBe('70000');
  });

  test('-it gives a terminal', async () => {
    expect(await inTerminal('docker run --rm -it test/busybox tty')).toContain('/dev/pts/0');
  });

  test('-v binds a host directory and keeps a named volume', async () => {
    mkdirSync(scratch.join('shared'));
    await docker(
      'run',
      '--rm',
      '-v',
      `${scratch.join('shared')}:/data`,
      'test/busybox',
      'sh',
      '-c',
      'echo kept > /data/file',
    );
    expect(readFileSync(scratch.join('shared', 'file'), 'utf8')).toBe('kept\n');
    await docker('run', '--rm', '-v', 'vol-a:/data', 'test/busybox', 'sh', '-c', 'echo v > /data/file');
    expect(await out('run', '--rm', '-v', 'vol-a:/data', 'test/busybox', 'cat', '/data/file')).toBe('v');
    await docker('volume', 'rm', 'vol-a');
  });
});

describe('a service', () => {
  let port = '';

  beforeAll(async () => {
    await docker('run', '-d', '--name', 'web', '-p', '0:8080', 'shop/web:1.0');
    port = (await out('port', 'web', '8080/tcp')).split('\n')[0]?.split(':').at(-1) ?? '';
  });

  afterAll(async () => {
    await machine.tryDocker(['rm', '-f', 'web']);
  });

  test('answers on the published port from localhost and from another container', async () => {
    await waitFor(async () => (await run('curl', ['-sf', `http://127.0.0.1:${port}/`])).code === 0);
    expect((await mustRun('curl', ['-sf', `http://127.0.0.1:${port}/built.txt`])).stdout).toBe('built\n');
    const gateway = await out(
      'inspect',
      '-f',
      '{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}',
      'web',
    );
    const hairpin = await out('run', '--rm', 'test/busybox', 'wget', '-qO-', `http://${gateway}:${port}/`);
    expect(hairpin).toBe('welcome aboard');
  });

  test('ps, logs -f, exec, cp and diff look into it', async () => {
    expect(await out('ps', '--format', '{{.Names}} {{.State}}')).toContain('web running');
    expect(await out('ps', '-s', '--format', '{{.Size}}')).toMatch(/virtual/);
    expect(await out('exec', 'web', 'cat', '/srv/www/built.txt')).toBe('built');
    expect((await machine.tryDocker(['exec', 'web', 'sh', '-c', 'exit 3'])).code).toBe(3);
    expect(await inTerminal('docker exec -it web tty')).toContain('/dev/pts/');
    writeFileSync(scratch.join('extra.txt'), 'from outside\n');
    await docker('cp', scratch.join('extra.txt'), 'web:/srv/www/extra.txt');
    expect((await mustRun('curl', ['-sf', `http://127.0.0.1:${port}/extra.txt`])).stdout).toBe(
      'from outside\n',
    );
    await docker('cp', 'web:/srv/www/index.html', scratch.join('copied.html'));
    expect(readFileSync(scratch.join('copied.html'), 'utf8')).toBe('welcome aboard\n');
    expect((await out('diff', 'web')).split('\n')).toContain('A /srv/www/extra.txt');
  });

  test('commit makes an image of the change that runs with it', async () => {
    await docker('commit', '-m', 'with extra', 'web', 'shop/web:1.1');
    expect(await out('run', '--rm', 'shop/web:1.1', 'cat', '/srv/www/extra.txt')).toBe('from outside');
    expect(await out('history', '--format', '{{.Comment}}', 'shop/web:1.1')).toContain('with extra');
  });

  test('an occupied port is a conflict that names it', async () => {
    const result = await machine.tryDocker([
      'run',
      '-d',
      '--name',
      'second',
      '-p',
      `${port}:8080`,
      'shop/web:1.0',
    ]);
    expect(result.code).toBe(125);
    expect(result.stderr).toContain(port);
    await docker('rm', '-f', 'second');
  });

  test('stop, start, kill, rm', async () => {
    await docker('stop', '-t', '2', 'web');
    expect(await out('inspect', '-f', '{{.State.Status}}', 'web')).toBe('exited');
    await docker('start', 'web');
    await docker('kill', 'web');
    await waitFor(
      async () =>
        (await out('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'web')) === 'exited 137',
    );
    await docker('rm', 'web');
    expect(await out('ps', '-aq', '--filter', 'name=^web$')).toBe('');
  });
});

test('logs -f follows until the container ends, both streams apart', async () => {
  await docker(
    'run',
    '-d',
    '--name',
    'talker',
    'test/busybox',
    'sh',
    '-c',
    'for i in 1 2 3; do echo out $i; echo err $i >&2; sleep 0.2; done',
  );
  const followed = await docker('logs', '-f', 'talker');
  expect(followed.stdout).toBe('out 1\nout 2\nout 3\n');
  expect(followed.stderr).toBe('err 1\nerr 2\nerr 3\n');
  await docker('rm', 'talker');
});

test('create, start and wait', async () => {
  await docker('create', '--name', 'later', 'test/busybox', 'sh', '-c', 'sleep 0.2; exit 5');
  expect(await out('inspect', '-f', '{{.State.Status}}', 'later')).toBe('created');
  await docker('start', 'later');
  expect(await out('wait', 'later')).toBe('5');
  await docker('rm', 'later');
});

test('events tell what happened, in docker’s words', async () => {
  const since = String(Math.floor(Date.now() / 1000));
  await docker('run', '--rm', '--name', 'eventful', 'test/busybox', 'true');
  const until = String(Math.ceil(Date.now() / 1000) + 1);
  const lines = await out('events', '--since', since, '--until', until, '--format', '{{.Type}} {{.Action}}');
  for (const wanted of ['container create', 'container start', 'container die', 'container destroy'])
    expect(lines).toContain(wanted);
});

describe('shipping', () => {
  test('login, push, rmi, pull: the same image comes back', async () => {
    const name = `${registry.address}/shop/web:1.0`;
    await docker('tag', 'shop/web:1.0', name);
    const id = await out('inspect', '-f', '{{.Id}}', name);
    const pushed = await docker('push', name);
    expect(pushed.stdout).toMatch(/1\.0: digest: sha256:[0-9a-f]{64} size: \d+/);
    await docker('rmi', name, 'shop/web:1.0');
    await docker('pull', name);
    expect(await out('inspect', '-f', '{{.Id}}', name)).toBe(id);
    expect(await out('inspect', '-f', '{{index .RepoDigests 0}}', name)).toContain(
      `${registry.address}/shop/web@sha256:`,
    );
    expect(await out('run', '--rm', name, 'cat', '/srv/www/built.txt')).toBe('built');
  });

  test('skopeo takes it out of the registry, and umoci unpacks the identical files', async () => {
    const layout = scratch.join('layout');
    const source = `docker://${registry.address}/shop/web:1.0`;
    await mustRun('skopeo', ['copy', '--src-tls-verify=false', source, `oci:${layout}:web`]);
    await mustRun('umoci', ['unpack', '--image', `${layout}:web`, scratch.join('bundle')]);
    await docker('create', '--name', 'source', `${registry.address}/shop/web:1.0`);
    mkdirSync(scratch.join('exported'));
    await docker('export', '-o', scratch.join('export.tar'), 'source');
    await mustRun('tar', ['-xpf', scratch.join('export.tar'), '-C', scratch.join('exported')]);
    await docker('rm', 'source');
    const list = `find . ! -path './dev*' ! -path './proc*' ! -path './sys*' ! -path './etc/hosts' ! -path './etc/hostname' ! -path './etc/resolv.conf' ! -path './.dockerenv' ! -path ./etc ! -path . -printf '%p %y %m %U %G %l %s\\n' | sed 's/^\\(.* d .*\\) [0-9]*$/\\1/' | LC_ALL=C sort`;
    const unpacked = await mustRun('sh', ['-c', list], { cwd: scratch.join('bundle', 'rootfs') });
    const exported = await mustRun('sh', ['-c', list], { cwd: scratch.join('exported') });
    expect(unpacked.stdout.split('\n').length).toBeGreaterThan(100);
    expect(exported.stdout).toBe(unpacked.stdout);
    const content = `find . -type f ! -path './etc/*' -exec sha256sum {} + | LC_ALL=C sort`;
    const contentOf = async (directory: string) =>
      (await mustRun('sh', ['-c', content], { cwd: directory })).stdout;
    expect(await contentOf(scratch.join('exported'))).toBe(await contentOf(scratch.join('bundle', 'rootfs')));
  });

  test('save and load keep the image; skopeo reads the archive', async () => {
    const archive = scratch.join('saved.tar');
    const name = `${registry.address}/shop/web:1.0`;
    const id = await out('inspect', '-f', '{{.Id}}', name);
    await docker('save', '-o', archive, name);
    const inspected = await mustRun('skopeo', ['inspect', '--config', `docker-archive:${archive}`]);
    expect(inspected.stdout).toContain('GREETING=hello');
    await docker('rmi', '-f', name);
    expect((await docker('load', '-i', archive)).stdout).toContain(`Loaded image: ${name}`);
    expect(await out('inspect', '-f', '{{.Id}}', name)).toBe(id);
  });

  test('system df adds up', async () => {
    expect(await out('system', 'df', '--format', '{{.Type}} {{.TotalCount}}')).toMatch(/^Images [1-9]/);
  });
});
