/** RUN with its mounts and options, through the daemon: judged by ssh-add, by the kernel and by what lies on disk. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busyboxArchive, startMachine, type Machine } from './support/lade.ts';
import { mustRun, run, type Finished } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
const stack = new AsyncDisposableStack();
let machine: Machine;
let contexts = 0;

beforeAll(async () => {
  machine = stack.use(await startMachine(scratch));
  await machine.lade('import', await busyboxArchive(scratch), 'bb');
});

afterAll(async () => {
  await stack.disposeAsync();
  scratch[Symbol.dispose]();
});

/** A context with a Dockerfile of these lines. */
const contextOf = (lines: readonly string[], files: Readonly<Record<string, string>> = {}): string => {
  contexts += 1;
  const path = scratch.join(`context${contexts}`);
  mkdirSync(path);
  writeFileSync(join(path, 'Dockerfile'), ['FROM bb', ...lines, ''].join('\n'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
};

const tryBuild = (path: string, ...more: readonly string[]): Promise<Finished> =>
  machine.tryLade(['build', '--progress=plain', '--no-cache', ...more, path]);

const build = async (path: string, ...more: readonly string[]): Promise<string> => {
  const { code, stderr } = await tryBuild(path, ...more);
  if (code !== 0) throw new Error(stderr);
  return stderr;
};

const secretFile = (name: string, text: string): string => {
  writeFileSync(scratch.join(name), text);
  return scratch.join(name);
};

/** Files of the daemon's root that hold a text. */
const filesWith = async (text: string): Promise<string> =>
  (await run('grep', ['-rlF', '--', text, machine.root])).stdout;

describe('secrets', () => {
  test('are files and variables of one step, masked in its log, and nowhere on disk', async () => {
    const file = secretFile('token', 'tkn-4711-secret\nsecond-line-of-it\n');
    const path = contextOf([
      'RUN --mount=type=secret,id=t,mode=0440,uid=7,gid=8 --mount=type=secret,id=t,env=TOKEN,target=/d/e/f \\',
      '    stat -c "%a %u %g" /run/secrets/t && grep " /run/secrets/t " /proc/mounts | cut -d" " -f3 && \\',
      '    cat /d/e/f && echo "[$TOKEN]" && printf tkn-47 && sleep 0.2 && echo 11-secret',
      'RUN env | grep -c TOKEN; ls /run/secrets /d; true',
    ]);
    const log = await build(path, '--secret', `id=t,src=${file}`, '-t', 'with-secret');
    expect(log).toContain('440 7 8');
    expect(log).toContain(' tmpfs\n');
    expect(log).toContain('****');
    expect(log).not.toMatch(/4711|second-line/u);
    expect(log).toMatch(/ls: \/run\/secrets: No such file/u);
    expect(log).toMatch(/ls: \/d: No such file/u);
    expect(await filesWith('tkn-4711')).toBe('');
    const { stdout } = await machine.docker('history', '--no-trunc', 'with-secret');
    expect(stdout + (await machine.docker('inspect', 'with-secret')).stdout).not.toContain('4711');
  });

  test('of a step that fails are in no error; one that is required and missing says so', async () => {
    const file = secretFile('other', 'zzz-secret-zzz');
    const path = contextOf(['RUN --mount=type=secret,id=t echo "it is $(cat /run/secrets/t)" >&2; exit 3']);
    const { code, stderr } = await tryBuild(path, '--secret', `id=t,src=${file}`);
    expect(code).toBe(3);
    expect(stderr).toContain('it is ****');
    expect(stderr).not.toContain('zzz');
    expect(await filesWith('zzz-secret')).toBe('');
    const required = contextOf(['RUN --mount=type=secret,id=none,required true']);
    expect((await tryBuild(required)).stderr).toContain('secret none is required but was not given');
  });

  test('leave nothing behind when the daemon is killed meanwhile', async () => {
    const file = secretFile('killed', 'killed-secret-1');
    const path = contextOf(['RUN --mount=type=secret,id=t sleep 60']);
    const building = tryBuild(path, '--secret', `id=t,src=${file}`);
    const mounts = (): string => readFileSync('/proc/mounts').toString();
    await expect.poll(mounts, { timeout: 20_000 }).toContain(`lade-secrets ${machine.root}`);
    await machine.restart('SIGKILL');
    expect((await building).code).not.toBe(0);
    await build(contextOf(['RUN true']));
    expect(mounts()).not.toContain(`lade-secrets ${machine.root}`);
    expect(await filesWith('killed-secret')).toBe('');
  });
});

/** The program with all that it loads. */
const programFiles = (program: string): readonly string[] => {
  const path = execFileSync('sh', ['-c', `command -v ${program}`])
    .toString()
    .trim();
  const libraries = execFileSync('ldd', [path]).toString().match(/\/\S+/gu) ?? [];
  return [path, ...libraries];
};

const missing = ['ssh-agent', 'ssh-add', 'ssh-keygen'].filter(
  (program) => !(process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, program))),
);

describe.skipIf(missing.length > 0)(`an SSH agent (needs ${missing.join(', ') || 'nothing more'})`, () => {
  test('can be asked by steps and not be changed, for each owner that a mount names', async () => {
    const socket = scratch.join('agent.sock');
    const started = execFileSync('ssh-agent', ['-a', socket]).toString();
    const pid = Number(/SSH_AGENT_PID=(\d+)/u.exec(started)?.[1]);
    try {
      await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', scratch.join('key')]);
      const env = { ...process.env, SSH_AUTH_SOCK: socket };
      await mustRun('ssh-add', ['-q', scratch.join('key')], { env });
      const fingerprint = (await mustRun('ssh-add', ['-l'], { env })).stdout.split(' ')[1] ?? '?';
      const path = contextOf([
        'COPY tool /',
        'RUN --mount=type=ssh ssh-add -l; ssh-add -D; ssh-add -x < /dev/null; echo $SSH_AUTH_SOCK; ls -l /run/buildkit',
        'USER web',
        'RUN --mount=type=ssh,uid=1000,target=/agent SSH_AUTH_SOCK=/agent ssh-add -l | sed "s/^/web /"',
        'RUN --mount=type=ssh,mode=0600 ssh-add -l 2>&1 | sed "s/^/other /"',
        'RUN --mount=type=ssh,id=absent ls /run/buildkit 2>&1 || true',
      ]);
      for (const file of programFiles('ssh-add')) {
        const target = join(path, 'tool', file);
        mkdirSync(dirname(target), { recursive: true });
        execFileSync('cp', ['-L', file, target]);
      }
      const log = await build(path, '--ssh', `default=${socket}`);
      expect(log).toContain(`256 ${fingerprint}`);
      expect(log).toContain('Failed to remove all identities');
      expect(log).toContain('/run/buildkit/ssh_agent.0');
      expect(log).toContain(`web 256 ${fingerprint}`);
      expect(log).toMatch(/other .*(?:denied|connecting to agent)/u);
      expect(log).toContain('ls: /run/buildkit: No such file or directory');
      expect((await mustRun('ssh-add', ['-l'], { env })).stdout).toContain(fingerprint);
    } finally {
      process.kill(pid);
    }
  });
});

/** Variables that name the host's certificates. */
const HOST_CA_NAMES: readonly string[] = [
  'CURL_CA_BUNDLE',
  'GIT_SSL_CAINFO',
  'NODE_EXTRA_CA_CERTS',
  'REQUESTS_CA_BUNDLE',
  'SSL_CERT_FILE',
];

describe('what a step may and what it sees', () => {
  test('the host’s network and all rights need to be allowed', async () => {
    const insecure = contextOf([
      'RUN --security=insecure grep CapEff /proc/self/status && mount -t tmpfs x /tmp',
    ]);
    expect((await tryBuild(insecure)).stderr).toContain('has no entitlement security.insecure');
    expect(await build(insecure, '--allow', 'security.insecure')).toMatch(/CapEff:\t0*[1-9a-f][0-9a-f]{8,}/u);
    const host = contextOf(['RUN --network=host readlink /proc/self/ns/net']);
    expect((await tryBuild(host)).stderr).toContain('has no entitlement network.host');
    const own = execFileSync('readlink', ['/proc/self/ns/net']).toString().trim();
    expect(await build(host, '--allow', 'network.host')).toContain(own);
    const device = contextOf(['RUN --device=vendor.com/gpu=all true']);
    expect((await tryBuild(device)).stderr).toContain('has no entitlement device');
    expect((await tryBuild(device, '--allow', 'device')).stderr).toContain(
      'vendor.com/gpu=all is not on this machine',
    );
  });

  test('networks: none, a user’s own with its names, hosts that are given', async () => {
    await machine.docker('network', 'create', 'own-net');
    await machine.docker('run', '-d', '--name', 'peer', '--network', 'own-net', 'bb', 'sleep', '100');
    const path = contextOf([
      'RUN --network=none ls /sys/class/net | sed "s/^/none /"',
      'RUN nslookup peer >/dev/null && ping -c1 peer >/dev/null && echo reached; grep given /etc/hosts',
    ]);
    const log = await build(path, '--network', 'own-net', '--add-host', 'given.example:10.9.8.7');
    expect(log.match(/none \w+/gu)).toEqual(expect.arrayContaining(['none lo']));
    expect(log).not.toContain('none eth0');
    expect(log).toContain('reached');
    expect(log).toMatch(/10\.9\.8\.7\s+given\.example/u);
    expect((await tryBuild(path, '--network', 'no-such-net')).stderr).toContain('no-such-net');
  });

  test('limits hold, and a step that was killed for memory says so', async () => {
    const path = contextOf([
      'RUN ulimit -n; df -k /dev/shm | tail -n1; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; hostname',
    ]);
    const limits = ['--memory', '32m', '--ulimit', 'nofile=77:88', '--shm-size', '3m'];
    const log = await build(path, ...limits, '--build-arg', 'BUILDKIT_SANDBOX_HOSTNAME=boxy');
    expect(log).toMatch(/ 77\n/u);
    expect(log).toMatch(/ 3072 /u);
    expect(log).toMatch(/ boxy\n/u);
    const hungry = await tryBuild(contextOf(['RUN tail /dev/zero']), '--memory', '16m');
    expect(hungry.code).toBe(137);
    expect(hungry.stderr).toContain('was killed for using more memory than the step may');
  });

  test('nothing of the daemon; standard input is empty; processes end with the step', async () => {
    const path = contextOf([
      'RUN env | cut -d= -f1 | sort | tr "\\n" " "; wc -c; ls /proc | grep -c "^[0-9]"; (sleep 77 &) ; (trap "" TERM; sleep 78 &)',
    ]);
    const log = await build(path);
    const own = [...HOST_CA_NAMES, 'HOME', 'PATH', 'PWD', 'SHLVL'].toSorted().join(' ');
    expect([own, 'HOME PATH PWD SHLVL']).toContain(/ ([A-Z_ ]+) 0\n/u.exec(log)?.[1]);
    const left = await run('pgrep', ['-f', '^sleep 7[78]$']);
    expect(left.stdout).toBe('');
  });

  test('mounting leaves no trace in a layer, also not in the times of directories', async () => {
    const path = contextOf([
      'RUN mkdir -p /srv/deep/er && touch -d "2001-02-03 00:00:00" /srv/deep/er /srv/deep /srv /etc /var /',
      'RUN --mount=type=cache,target=/srv/deep/er/c --mount=type=tmpfs,target=/srv/new/t --mount=type=secret,id=s,target=/var/.s \\',
      '    --mount=target=/etc/ctx --network=none true',
      'RUN --mount=type=cache,target=/srv/deep/er/c touch -d "2002-02-03 00:00:00" /srv/deep/file && touch -d "2001-02-03 00:00:00" /srv/deep',
    ]);
    await build(path, '--secret', `id=s,src=${secretFile('s', 'sss')}`, '-t', 'traces');
    const { stdout } = await machine.docker('inspect', '-f', '{{len .RootFS.Layers}}', 'traces');
    expect(stdout.trim()).toBe('3');
    const save = scratch.join('traces.tar');
    await machine.docker('save', '-o', save, 'traces');
    const layout = scratch.join('traces');
    mkdirSync(layout);
    await mustRun('tar', ['-xf', save, '-C', layout]);
    const [{ Layers: layers = [] } = {}] = JSON.parse(
      readFileSync(join(layout, 'manifest.json'), 'utf8'),
    ) as {
      readonly Layers?: readonly string[];
    }[];
    const list = await mustRun('tar', ['--utc', '--full-time', '-tvf', join(layout, layers.at(-1) ?? '')]);
    const times = list.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/u).slice(3).join(' '));
    expect(times).toEqual([
      '2001-02-03 00:00:00 srv/',
      '2001-02-03 00:00:00 srv/deep/',
      '2002-02-03 00:00:00 srv/deep/file',
    ]);
  });

  test('bind mounts: of the context by its links and without what is ignored; what is written to them goes', async () => {
    const path = contextOf(
      [
        'RUN --mount=source=dir/link,target=/a --mount=source=odd*name,target=/b,rw --mount=target=/all \\',
        '    cat /a /b/f && echo new > /b/f && cat /b/f && ls /all && ! touch /all/x 2>/dev/null',
        'RUN --mount=source=odd*name,target=/b cat /b/f && ls -d /b',
      ],
      {
        'dir/real': 'linked\n',
        'odd*name/f': 'odd\n',
        oddXname: '',
        hidden: '',
        '.dockerignore': 'hidden\n',
      },
    );
    execFileSync('ln', ['-s', 'real', join(path, 'dir/link')]);
    const log = await build(path);
    expect(log).toMatch(/ linked\n.* odd\n.* new\n/u);
    expect(log).not.toContain(' hidden\n');
    expect(log.match(/ odd\n/gu)).toHaveLength(2);
  });
});

/** KiB that the daemon's root takes. */
const usage = async (): Promise<number> =>
  Number((await mustRun('du', ['-skx', machine.root])).stdout.split('\t')[0]);

describe('targets', () => {
  test.each([
    ['type=cache,target=/etc/passwd/x', '/etc/passwd is a file'],
    ['type=cache,target=/bin/busybox', 'it is a file, and what is mounted is a directory'],
    ['type=secret,id=s,target=/bin', 'it is a directory, and what is mounted is a file'],
    ['type=tmpfs,target=/proc/x', 'the kernel keeps this directory'],
    ['type=cache,target=/', 'invalid mount target "/"'],
  ])('%s is refused: %s', async (mount, problem) => {
    const path = contextOf([`RUN --mount=${mount} true`]);
    const { code, stderr } = await tryBuild(path, '--secret', `id=s,src=${secretFile('at', 'xyz')}`);
    expect(code).toBe(1);
    expect(stderr).toContain(problem);
    expect(stderr).toContain('>>> RUN');
    expect(stderr).not.toContain(machine.root);
  });
});

describe('a step that does harm', () => {
  test('that forks without end is bounded, and ends with its build', async () => {
    const bound = contextOf([
      'RUN cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true',
    ]);
    expect(await build(bound)).toMatch(/ 16384\n/u);
    const path = contextOf(['RUN while :; do sleep 4711 & sleep 0.02; done']);
    await machine.tryLade(['build', '--progress=plain', path], { timeoutMs: 4000 });
    const left = async (): Promise<string> => (await run('pgrep', ['-f', '^sleep 4711'])).stdout;
    await expect.poll(left, { timeout: 10_000 }).toBe('');
    expect((await machine.lade('version')).stdout).toContain('Version');
  });

  test('that fills its disk fails, and what it wrote goes', async () => {
    const path = contextOf([
      'RUN dd if=/dev/zero of=/dev/shm/x bs=1M 2>&1; dd if=/dev/zero of=/full bs=1M count=300 && exit 6',
    ]);
    const before = await usage();
    expect((await tryBuild(path, '--shm-size', '4m')).stderr).toContain('No space left on device');
    expect((await usage()) - before).toBeLessThan(50 * 1024);
  });

  test('that writes a lot is heard in full, and the daemon stays small', async () => {
    const path = contextOf([
      'RUN yes 0123456789012345678901234567890123456789 | head -c 60000000; echo; echo last-line',
    ]);
    const log = await build(path);
    expect(log).toContain('last-line');
    const status = readFileSync(`/proc/${machine.daemon.child.pid}/status`).toString();
    expect(Number(/VmRSS:\s+(\d+)/u.exec(status)?.[1])).toBeLessThan(1024 * 1024);
  });

  test('that ignores signals is ended with its build', async () => {
    const path = contextOf(['RUN trap "" TERM INT HUP; echo up-and-ignoring; while :; do sleep 0.1; done']);
    const { code } = await machine.tryLade(['build', '--progress=plain', path], { timeoutMs: 6000 });
    expect(code).not.toBe(0);
    const steps = async (): Promise<string> => (await run('pgrep', ['-f', 'echo up-and-ignoring'])).stdout;
    await expect.poll(steps, { timeout: 10_000 }).toBe('');
  });
});
