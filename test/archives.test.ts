/** Images in and out of archives, and over from Docker, judged by dockerd, podman, skopeo and GNU tar. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDockerd, type Dockerd } from './bench/dockerd.ts';
import { busyboxArchive, LADE, startMachine, type Machine } from './support/lade.ts';
import { mustRun, run } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
let machine: Machine;
let dockerd: Dockerd | undefined;

const hasDockerd = existsSync('/usr/sbin/dockerd');
const hasPodman = existsSync('/usr/bin/podman');

/** The docker command line against dockerd. */
const theirs = async (...args: readonly string[]): Promise<string> =>
  (
    await mustRun('docker', ['-H', dockerd?.host ?? '', ...args], {
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
    })
  ).stdout.trim();
/** The same against Lade. */
const ours = async (...args: readonly string[]): Promise<string> =>
  (await machine.docker(...args)).stdout.trim();

const DOCKERFILE = `FROM base:1
RUN echo one > /one && mkdir /d && echo two > /d/two
RUN rm /etc/passwd && ln -s /one /link
COPY index.html /var/www/
ENV WHO="<me & you>"
CMD ["cat", "/var/www/index.html"]
`;

const idOf = (run: typeof ours, name: string): Promise<string> => run('inspect', '-f', '{{.Id}}', name);
const names = async (list: typeof ours): Promise<readonly string[]> =>
  (await list('images', '--no-trunc', '--format', '{{.ID}} {{.Repository}}:{{.Tag}}')).split('\n').toSorted();

beforeAll(async () => {
  machine = await startMachine(scratch);
  dockerd = hasDockerd ? await startDockerd(scratch) : undefined;
  mkdirSync(scratch.join('context'));
  writeFileSync(scratch.join('context', 'Dockerfile'), DOCKERFILE);
  writeFileSync(scratch.join('context', 'index.html'), 'welcome aboard\n');
  if (dockerd === undefined) return;
  await theirs('import', '-c', 'CMD ["sh"]', await busyboxArchive(scratch), 'base:1');
  await theirs('build', '-q', '-t', 'app:1', '-t', 'localhost:5000/team/app:2', scratch.join('context'));
});

afterAll(async () => {
  await dockerd?.[Symbol.asyncDispose]();
  await machine?.[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

/** `lade` with a daemon of its own. */
const withFresh = async (name: string, act: (fresh: Machine) => Promise<void>): Promise<void> => {
  mkdirSync(scratch.join(name));
  const own = {
    ...scratch,
    path: scratch.join(name),
    join: (...parts: string[]) => join(scratch.path, name, ...parts),
  };
  await using fresh = await startMachine(own);
  await act(fresh);
};

// Debian's docker.io is the judge; a machine without it cannot tell.
describe.skipIf(!hasDockerd)('with dockerd', () => {
  test('what docker saves is loaded with its IDs and names, packed or not, and goes back the same', async () => {
    const archive = scratch.join('app.tar');
    await theirs('save', '-o', archive, 'app:1', 'localhost:5000/team/app:2', 'base:1');
    const loaded = await ours('load', '-i', archive);
    expect(loaded.split('\n').toSorted()).toEqual([
      'Loaded image: app:1',
      'Loaded image: base:1',
      'Loaded image: localhost:5000/team/app:2',
    ]);
    expect(await names(ours)).toEqual(await names(theirs));
    await mustRun('xz', ['-k', '-1', archive]);
    expect(await ours('load', '-q', '-i', `${archive}.xz`)).toContain('Loaded image: app:1');

    const back = scratch.join('back.tar');
    await ours('save', '-o', back, 'app:1', 'localhost:5000/team/app:2', 'base:1');
    const before = await names(theirs);
    await theirs('rmi', '-f', 'app:1', 'localhost:5000/team/app:2', 'base:1');
    await theirs('load', '-i', back);
    expect(await names(theirs)).toEqual(before);
    expect(await theirs('run', '--rm', '--network', 'none', 'app:1')).toBe('welcome aboard');
  });

  test('an archive since a base is loaded by dockerd too, where it has the base', async () => {
    const part = scratch.join('part.tar');
    await machine.lade('save', '--since', 'base:1', '-o', part, 'app:1');
    const list = (await mustRun('tar', ['-tf', part])).stdout;
    const [lowest = ''] = JSON.parse(
      await ours('inspect', '-f', '{{json .RootFS.Layers}}', 'base:1'),
    ) as string[];
    expect(list).not.toContain(lowest.slice('sha256:'.length));
    await theirs('rmi', 'app:1');
    await theirs('load', '-i', part);
    expect(await idOf(theirs, 'app:1')).toBe(await idOf(ours, 'app:1'));
  });

  test('system adopt docker takes all images of a running dockerd, then of its folder; twice changes nothing', async () => {
    const host = dockerd?.host ?? '';
    await theirs('import', '-m', 'no name', await busyboxArchive(scratch));
    const expected = await names(theirs);
    await withFresh('a', async (fresh) => {
      const list = async (...args: readonly string[]): Promise<string> =>
        (await fresh.docker(...args)).stdout.trim();
      const first = await fresh.lade('system', 'adopt', 'docker', '--host', host);
      expect(first.stdout).toMatch(/Adopted \d+ images, 0 images were here already/);
      expect(await names(list)).toEqual(expected);
      const again = await fresh.lade('system', 'adopt', 'docker', '--host', host);
      expect(again.stdout).toMatch(/Adopted 0 images, \d+ images were here already/);
      expect((await fresh.docker('run', '--rm', '--network', 'none', 'app:1')).stdout.trim()).toBe(
        'welcome aboard',
      );
    });
    await withFresh('b', async (fresh) => {
      const list = async (...args: readonly string[]): Promise<string> =>
        (await fresh.docker(...args)).stdout.trim();
      await fresh.lade('system', 'adopt', 'docker', '--data-root', scratch.join('docker'));
      expect(await names(list)).toEqual(expected);
      expect((await fresh.docker('run', '--rm', '--network', 'none', 'app:1')).stdout.trim()).toBe(
        'welcome aboard',
      );
    });
  });

  test('commit gives what docker commits: lines of --change, author, message', async () => {
    const changes = ['ENV B=${A}2', 'WORKDIR rel', 'EXPOSE 90-91', 'ENTRYPOINT ["/bin/sh"]', 'LABEL x="y z"'];
    const flags = ['-a', 'me', '-m', 'why', ...changes.flatMap((line) => ['-c', line])];
    const made = await Promise.all(
      [ours, theirs].map(async (docker) => {
        await docker('create', '--name', 'changed', '-e', 'A=1', '-w', '/srv', 'base:1', 'sh', '-c', 'true');
        await docker('commit', ...flags, 'changed', 'changed:1');
        const [image] = JSON.parse(await docker('inspect', 'changed:1')) as [
          { Author: string; Comment: string; Config: Record<string, unknown> },
        ];
        await docker('rm', 'changed');
        const { Env, WorkingDir, ExposedPorts, Entrypoint, Cmd, Labels } = image.Config;
        return {
          Author: image.Author,
          Comment: image.Comment,
          Env,
          WorkingDir,
          ExposedPorts,
          Entrypoint,
          Cmd: Cmd ?? null,
          Labels,
        };
      }),
    );
    expect(made[0]).toEqual(made[1]);
  });
});

// Debian's podman reads both halves of an archive by readers of its own.
describe.skipIf(!hasPodman)('with podman', () => {
  const podman = (...args: readonly string[]) =>
    mustRun('podman', [
      '--root',
      scratch.join('pr'),
      '--runroot',
      scratch.join('pn'),
      '--storage-driver',
      'vfs',
      ...args,
    ]);

  test('what is saved is loaded there, and what it saves in either form comes back with the same layers', async () => {
    await ours('import', await busyboxArchive(scratch), 'pod:1');
    const archive = scratch.join('pod.tar');
    await ours('save', '-o', archive, 'pod:1');
    await podman('load', '-q', '-i', archive);
    expect((await podman('images', '--format', '{{.Names}}')).stdout).toContain('pod:1');
    const layers = await ours('inspect', '-f', '{{json .RootFS.Layers}}', 'pod:1');
    for (const form of ['docker-archive', 'oci-archive']) {
      const saved = scratch.join(`${form}.tar`);
      await podman('save', '-q', '--format', form, '-o', saved, 'pod:1');
      await ours('rmi', 'pod:1');
      const loaded = await ours('load', '-i', saved);
      const name = loaded.replace(/^.*Loaded image( ID)?: /s, '').trim();
      expect(await ours('inspect', '-f', '{{json .RootFS.Layers}}', name)).toBe(layers);
      await ours('tag', name, 'pod:1');
    }
  });
});

describe('import and export', () => {
  test('from an address, which the daemon fetches; an address without an archive says so', async () => {
    const archive = readFileSync(await busyboxArchive(scratch));
    const server = createServer((request, response) => {
      if (request.url === '/moved') response.writeHead(302, { Location: '/rootfs.tar' }).end();
      else if (request.url === '/rootfs.tar') response.end(archive);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const { stdout } = await machine.docker('import', `${address}/moved`, 'fetched:1');
      expect(stdout).toContain(`Downloading from ${address}/moved`);
      expect(await ours('history', '--format', '{{.Comment}}', 'fetched:1')).toBe(
        `Imported from ${address}/moved`,
      );
      const missing = await machine.tryDocker(['import', `${address}/none`, 'x']);
      expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('status 404') });
    } finally {
      server.close();
    }
  });

  test('a link to a file that is not in the archive is refused with its name', async () => {
    mkdirSync(scratch.join('links'));
    await mustRun(
      'sh',
      ['-c', 'echo x > file && ln file other && tar -cf l.tar file other && tar --delete -f l.tar file'],
      {
        cwd: scratch.join('links'),
      },
    );
    const refused = await machine.tryDocker(['import', scratch.join('links', 'l.tar'), 'x']);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('other') });
  });

  test('an export of a stopped and of a running container is what GNU tar makes of the same tree', async () => {
    mkdirSync(scratch.join('tree', 'bin'), { recursive: true });
    const script = `
      cp "$(command -v busybox)" bin/busybox; ln -s busybox bin/sh; ln -s busybox bin/sleep
      echo f > f; ln f hard; chown 1000:70000 f; chmod 4755 f; touch -d '2001-02-03 04:05:06' f
      mkfifo fifo; mknod null c 1 3; mkdir -m 1777 tmp "$(printf 'a\\nb')"; ln -s /nowhere link
      tar --sort=name -cf ../tree.tar .`;
    await mustRun('sh', ['-c', script], { cwd: scratch.join('tree') });
    await ours('import', scratch.join('tree.tar'), 'tree:1');
    const list = async (tar: string): Promise<readonly string[]> =>
      (await mustRun('tar', ['--numeric-owner', '--full-time', '-tvf', tar])).stdout
        .split('\n')
        .map((line) =>
          line
            .replace(' ./', ' ')
            .replaceAll(/ +/g, ' ')
            .replace(/(:\d\d)\.\d+/, '$1'),
        )
        .filter(
          (line) =>
            line !== '' && !/ (\/|(dev|proc|sys|etc|\.dockerenv).*)?$/.test(line) && !line.endsWith(' tmp/'),
        )
        .toSorted();
    await ours('create', '--name', 'tree', '--network', 'none', 'tree:1', '/bin/sleep', '100');
    const expected = (await list(scratch.join('tree.tar'))).map((line) =>
      line.replace(' link to ./', ' link to '),
    );
    await ours('export', '-o', scratch.join('stopped.tar'), 'tree');
    expect(await list(scratch.join('stopped.tar'))).toEqual(expected);
    await ours('start', 'tree');
    await ours('export', '-o', scratch.join('running.tar'), 'tree');
    expect(await list(scratch.join('running.tar'))).toEqual(expected);
    await ours('rm', '-f', 'tree');
  });

  test('load without an archive on a terminal is refused as docker does', async () => {
    const command = `${LADE} --host unix://${machine.socket} load`;
    const { stdout } = await run('script', ['-qec', command, '/dev/null']);
    expect(stdout).toContain('requested load from stdin, but stdin is empty');
  });
});
