import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { writeTar, type TarSource } from '#tar';
import { extractTar } from './extract-tar.ts';
import { runLade, startFakeDaemon, type FakeDaemon, type FakeOptions } from './testing.ts';

let daemon: FakeDaemon | undefined;
afterEach(async () => {
  await daemon?.[Symbol.asyncDispose]();
  daemon = undefined;
});

const start = async (options: FakeOptions): Promise<FakeDaemon> => {
  daemon = await startFakeDaemon(options);
  return daemon;
};

const frame = (stream: number, text: string): Buffer => {
  const head = Buffer.alloc(8);
  head.writeUInt8(stream, 0);
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

const names = (fake: FakeDaemon): readonly string[] =>
  fake.calls.map((call) => `${call.method} ${call.path}`);

describe('run', () => {
  const routes: FakeOptions['routes'] = {
    'POST /containers/create': () => ({ Id: 'abc', Warnings: ['mind the gap'] }),
    'POST /containers/abc/start': (_call, response) => void response.writeHead(204).end(),
    'POST /containers/abc/wait': () => ({ StatusCode: 42 }),
  };

  test('attaches before it starts, hands stdin on to its end, splits the output and exits with the code', async () => {
    const fake = await start({
      routes,
      hijack: (_call, socket: Duplex) => {
        const chunks: Buffer[] = [];
        socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
        socket.on('end', () => {
          socket.write(frame(1, `got ${Buffer.concat(chunks).toString()}`));
          socket.end(frame(2, 'to stderr'));
        });
      },
    });
    const ran = await runLade(fake, ['run', '-i', '--name', 'x', 'img', 'cat', '-n'], 'some input');
    expect(ran).toEqual({ code: 42, stdout: 'got some input', stderr: 'WARNING: mind the gap\nto stderr' });
    const [first, ...others] = names(fake);
    expect([first, others.at(-1)]).toEqual(['POST /containers/create', 'POST /containers/abc/start']);
    // These two go out at once.
    const before = ['POST /containers/abc/attach', 'POST /containers/abc/wait'];
    expect(others.slice(0, -1).toSorted()).toEqual(before);
    expect(fake.calls[0]?.query.get('name')).toBe('x');
    const wait = fake.calls.find(({ path }) => path.endsWith('/wait'));
    expect(wait?.query.get('condition')).toBe('next-exit');
    const body = JSON.parse(fake.calls[0]?.body.toString() ?? '') as object;
    expect(body).toMatchObject({ Image: 'img', Cmd: ['cat', '-n'], OpenStdin: true, StdinOnce: true });
  });

  test('-d prints the id and attaches to nothing', async () => {
    const fake = await start({ routes });
    const ran = await runLade(fake, ['run', '-d', 'img']);
    expect(ran).toMatchObject({ code: 0, stdout: 'abc\n' });
    expect(names(fake)).toEqual(['POST /containers/create', 'POST /containers/abc/start']);
  });

  test('pulls what is not there, with the credentials for that registry', async () => {
    let created = 0;
    const fake = await start({
      routes: {
        ...routes,
        'POST /containers/create': () => (++created === 1 ? undefined : { Id: 'abc' }),
        'POST /images/create': (_call, response) => {
          response.write('{"status":"Pulling from shop","id":"1"}\n');
          response.end('{"status":"Status: Downloaded newer image for reg:5000/shop:1"}\n');
        },
      },
    });
    const auth = Buffer.from('ann:secret').toString('base64');
    writeFileSync(join(fake.folder, 'config.json'), JSON.stringify({ auths: { 'reg:5000': { auth } } }));
    const ran = await runLade(fake, ['run', '-d', 'reg:5000/shop:1']);
    expect(ran.stdout).toBe('abc\n');
    expect(ran.stderr).toBe(
      "Unable to find image 'reg:5000/shop:1' locally\n1: Pulling from shop\nStatus: Downloaded newer image for reg:5000/shop:1\n",
    );
    const pull = fake.calls.find((call) => call.path === '/images/create');
    expect(Object.fromEntries(pull?.query ?? [])).toEqual({ fromImage: 'reg:5000/shop', tag: '1' });
    const header = Buffer.from(String(pull?.headers['x-registry-auth']), 'base64url').toString();
    expect(JSON.parse(header)).toMatchObject({ username: 'ann', password: 'secret' });
    expect(created).toBe(2);
  });

  test('--pull never, a failing pull, and what cannot be invoked: 125, 125, 127, 126', async () => {
    let start1 = 'exec: "x": executable file not found in $PATH';
    const fake = await start({
      routes: {
        'POST /containers/create': (call) => (call.body.includes('"here"') ? { Id: 'abc' } : undefined),
        'POST /images/create': (_call, response) =>
          void response.end('{"errorDetail":{"message":"no such host"},"error":"no such host"}\n'),
        'POST /containers/abc/start': (_call, response) => {
          response.statusCode = 400;
          return { message: start1 };
        },
      },
    });
    expect(await runLade(fake, ['run', '--pull', 'never', 'img'])).toMatchObject({ code: 125 });
    const pulled = await runLade(fake, ['run', 'img']);
    expect(pulled).toMatchObject({ code: 125, stdout: '' });
    expect(pulled.stderr).toContain('lade: no such host');
    expect((await runLade(fake, ['run', '-d', 'here', 'x'])).code).toBe(127);
    start1 = 'exec: "/etc": permission denied';
    expect((await runLade(fake, ['run', '-d', 'here', '/etc'])).code).toBe(126);
    expect((await runLade(fake, ['run', '--nope', 'here'])).code).toBe(125);
  });
});

test('exec exits with the process’s code', async () => {
  const fake = await start({
    routes: {
      'POST /containers/web/exec': () => ({ Id: 'e1' }),
      'GET /exec/e1/json': () => ({ ExitCode: 7, Running: false }),
    },
    hijack: (_call, socket) => socket.end(frame(1, 'hello\n')),
  });
  const ran = await runLade(fake, ['exec', '-e', 'A=1', '-w', '/w', 'web', 'ls', '-l']);
  expect(ran).toEqual({ code: 7, stdout: 'hello\n', stderr: '' });
  expect(JSON.parse(fake.calls[0]?.body.toString() ?? '')).toMatchObject({
    Cmd: ['ls', '-l'],
    Env: ['A=1'],
    WorkingDir: '/w',
    AttachStdin: false,
  });
});

test('an unreachable daemon that was named is not started', async () => {
  const fake = await start({ routes: {} });
  const gone = { ...fake, address: 'unix:///nonexistent/lade.sock' };
  const ran = await runLade(gone, ['ps']);
  expect(ran.code).toBe(1);
  expect(ran.stderr).toBe(
    "lade: cannot connect to the Lade daemon at unix:///nonexistent/lade.sock. Is the daemon running?\nstart one with 'lade daemon', or name another with --host or LADE_HOST\n",
  );
});

const machineId = (): string => {
  const read = spawnSync('sh', [
    '-c',
    'printf "%s %s" "$(cat /proc/sys/kernel/random/boot_id)" "$(readlink /proc/self/ns/mnt)"',
  ]);
  return read.stdout.toString();
};

const makeContext = (folder: string): string => {
  const context = join(folder, 'context');
  mkdirSync(join(context, 'src', 'deep'), { recursive: true });
  mkdirSync(join(context, 'node_modules', 'x'), { recursive: true });
  writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\n');
  writeFileSync(join(context, '.dockerignore'), 'node_modules\n*.log\n!keep.log\nDockerfile\n');
  for (const file of ['a.log', 'keep.log', 'src/deep/b', 'node_modules/x/y'])
    writeFileSync(join(context, file), file);
  symlinkSync('src/deep/b', join(context, 'link'));
  return context;
};

describe('build', () => {
  const step = { id: '1', name: 'RUN x', stage: '0', index: 1, total: 1, range: {}, kind: 'filesystem' };
  const result = {
    imageId: 'sha256:abc',
    images: [],
    metadata: {},
    tags: ['docker.io/library/a:latest'],
    steps: { total: 1, cached: 0, executed: 1 },
    durationMs: 1200,
  };
  const lines = [
    {
      kind: 'event',
      event: {
        kind: 'step-started',
        step,
        reasons: [{ kind: 'file-changed', path: 'src/x', change: 'content' }],
      },
    },
    {
      kind: 'event',
      event: { kind: 'step-log', step, stream: 'stdout', data: Buffer.from('héllo\n').toString('base64') },
    },
    { kind: 'event', event: { kind: 'step-done', step, durationMs: 1000 } },
    { kind: 'result', result },
  ];
  const answer = (values: readonly object[]) => (_call: unknown, response: { end(text: string): unknown }) =>
    void response.end(values.map((value) => `${JSON.stringify(value)}\n`).join(''));

  test('on the same machine the path travels, and misses are explained', async () => {
    const fake = await start({
      routes: {
        'POST /lade/v1/build': answer(lines),
      },
    });
    const context = makeContext(fake.folder);
    const flags = [
      '--explain',
      '-t',
      'a',
      '--build-arg',
      'X=1',
      '--build-arg=LADE_UNSET_ARG',
      '--iidfile',
      'id',
    ];
    const ran = await runLade(fake, ['build', ...flags, 'context']);
    expect(ran.stderr.replaceAll(/\d\.\d{3}/g, 'T')).toBe(
      [
        '#1 [1/1] RUN x',
        '#1 why: src/x has other content',
        '#1 T héllo',
        '#1 DONE 1.0s',
        'built sha256:abc in 1.2s (0 from the cache, 1 executed)',
        'tagged docker.io/library/a:latest',
        '',
      ].join('\n'),
    );
    expect(ran).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(join(fake.folder, 'id'), 'utf8')).toBe('sha256:abc');
    expect(fake.calls.map(({ path }) => path)).toEqual(['/lade/v1/build']);
    const [call] = fake.calls;
    expect(call?.headers['if-match']).toBe(`"${machineId()}"`);
    expect(JSON.parse(call?.body.toString() ?? '')).toMatchObject({
      contextPath: context,
      tags: ['a'],
      buildArgs: { X: '1', LADE_UNSET_ARG: null },
    });
    expect((await runLade(fake, ['build', '-q', 'context'])).stdout).toBe('sha256:abc\n');
  });

  test('a failed step hands on its exit code and the daemon’s advice', async () => {
    const error = {
      kind: 'failed-precondition',
      code: 'STEPS_RUN_FAILED',
      message: 'exit code: 9',
      hint: 'look',
      details: { exitCode: 9 },
    };
    const fake = await start({
      routes: {
        'GET /lade/v1/info': () => ({ machineId: machineId() }),
        'POST /lade/v1/build': answer([{ kind: 'error', error }]),
      },
    });
    makeContext(fake.folder);
    expect(await runLade(fake, ['build', 'context'])).toEqual({
      code: 9,
      stdout: '',
      stderr: 'lade: exit code: 9\nlook\n',
    });
  });

  test('what is not found here is the error of the build', async () => {
    const fake = await start({
      routes: {
        'GET /lade/v1/info': () => ({ machineId: machineId() }),
        'POST /lade/v1/build': (_call, response) => {
          response.statusCode = 404;
          response.end(JSON.stringify({ message: 'no such image', hint: 'pull it' }));
        },
      },
    });
    makeContext(fake.folder);
    const ran = await runLade(fake, ['build', 'context']);
    expect(ran).toEqual({ code: 1, stdout: '', stderr: 'lade: no such image\npull it\n' });
  });

  test('a Lade that sees other files gets the context as an archive', async () => {
    const fake = await start({
      routes: {
        'GET /lade/v1/info': () => ({ machineId: 'another' }),
        'POST /lade/v1/build': (_call, response) => {
          response.statusCode = 412;
          response.end('{"message":"other files"}');
        },
        'POST /lade/v1/build/archive': answer(lines),
      },
    });
    makeContext(fake.folder);
    expect(await runLade(fake, ['build', '-q', 'context'])).toMatchObject({
      code: 0,
      stdout: 'sha256:abc\n',
    });
    const paths = ['/lade/v1/build', '/lade/v1/info', '/lade/v1/build/archive'];
    expect(fake.calls.map(({ path }) => path)).toEqual(paths);
  });

  test('elsewhere the context is sent as a tar without what .dockerignore names', async () => {
    const fake = await start({
      routes: {
        'POST /build': answer([
          { stream: 'Step 1/1 : FROM scratch\n' },
          { aux: { ID: 'sha256:def' } },
          { stream: 'Successfully built def\n' },
        ]),
      },
    });
    makeContext(fake.folder);
    const ran = await runLade(fake, ['build', '-q', '-t', 'a:1', '-t', 'b', 'context']);
    expect(ran).toMatchObject({ code: 0, stdout: 'sha256:def\n' });
    const call = fake.calls.find((each) => each.path === '/build');
    expect(call?.query.getAll('t')).toEqual(['a:1', 'b']);
    const listed = spawnSync('tar', ['-tvf', '-', '--numeric-owner'], { input: call?.body });
    const entries = listed.stdout.toString().trim().split('\n');
    expect(entries.every((entry) => / 0\/0 /.test(entry))).toBe(true);
    expect(entries.map((entry) => entry.replace(/^.*\d\d:\d\d /, ''))).toEqual([
      '.dockerignore',
      'Dockerfile',
      'keep.log',
      'link -> src/deep/b',
      'src/',
      'src/deep/',
      'src/deep/b',
    ]);
  });

  test('a Dockerfile on stdin has no context; an archive is one', async () => {
    const fake = await start({ routes: { 'POST /build': answer([{ aux: { ID: 'sha256:def' } }]) } });
    await runLade(fake, ['build', '-'], 'FROM scratch\n');
    const listed = spawnSync('tar', ['-xOf', '-', 'Dockerfile'], { input: fake.calls.at(-1)?.body });
    expect(listed.stdout.toString()).toBe('FROM scratch\n');
    await runLade(fake, ['build', 'https://example.com/x.git']);
    expect(fake.calls.at(-1)?.query.get('remote')).toBe('https://example.com/x.git');
    expect((await runLade(fake, ['build', 'missing'])).stderr).toContain('not found');
  });
});

describe('copying out of a container', () => {
  const unpack = async (folder: string, entries: readonly TarSource[], rename?: string): Promise<number> =>
    await extractTar(Readable.from(writeTar(entries)), {
      folder,
      rename,
      keepOwners: false,
      mustBeFolder: false,
    });

  test('names, modes, links and times', async () => {
    const { folder } = await start({ routes: {} });
    const bytes = await unpack(
      folder,
      [
        { path: 'dir/', kind: 'directory', mode: 0o750 },
        {
          path: 'dir/run',
          kind: 'file',
          mode: 0o755,
          mtimeNs: 1_000_000_000_500_000_000n,
          content: Buffer.from('x'),
        },
        { path: 'dir/same', kind: 'hardlink', linkName: 'dir/run' },
        { path: 'dir/link', kind: 'symlink', linkName: '/etc/passwd' },
      ],
      'other',
    );
    expect(bytes).toBe(1);
    const listed = spawnSync('ls', ['-lR', '--time-style=+%s', join(folder, 'other')]).stdout.toString();
    expect(listed).toMatch(/-rwxr-xr-x 2 .* 1000000000 run\n/);
    expect(listed).toContain('link -> /etc/passwd');
    expect(await readFile(join(folder, 'other', 'same'), 'utf8')).toBe('x');
  });

  test.each([
    ['a name that climbs', [{ path: 'a/../../evil', kind: 'file', content: Buffer.from('x') }]],
    [
      'a link that the archive brought',
      [
        { path: 'a', kind: 'symlink', linkName: '..' },
        { path: 'a/evil', kind: 'file', content: Buffer.from('x') },
      ],
    ],
    [
      'a hard link to the outside',
      [
        { path: 'a', kind: 'symlink', linkName: '..' },
        { path: 'b', kind: 'hardlink', linkName: 'a/outside' },
      ],
    ],
  ] as const)('refuses %s', async (_name, entries) => {
    const { folder } = await start({ routes: {} });
    const inner = join(folder, 'inner');
    mkdirSync(inner);
    writeFileSync(join(folder, 'outside'), 'secret');
    await expect(unpack(inner, entries)).rejects.toThrow('leads out of the target folder');
    expect(existsSync(join(folder, 'evil'))).toBe(false);
    expect(readdirSync(inner).includes('b')).toBe(false);
  });
});
