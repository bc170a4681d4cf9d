/** `lade build` as somebody sees it who sits at a terminal, or at another machine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTerminal, type Terminal } from '../src/base/console/testing.ts';
import { LADE, busyboxArchive, startMachine, type Machine } from './support/lade.ts';
import { mustRun } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
let machine: Machine;
/** The daemon as from another machine: by TCP, so that contexts are sent. */
let elsewhere: Server;
let address: string;

const context = (name: string, files: Readonly<Record<string, string>>): string => {
  mkdirSync(scratch.join(name));
  for (const [path, text] of Object.entries(files)) writeFileSync(scratch.join(name, path), text);
  return scratch.join(name);
};

beforeAll(async () => {
  machine = await startMachine(scratch);
  await machine.docker('import', await busyboxArchive(scratch), 'test/busybox');
  elsewhere = createServer((client) => {
    const daemon = connect(machine.socket);
    client.pipe(daemon).pipe(client);
    for (const [one, other] of [
      [client, daemon],
      [daemon, client],
    ] as const)
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
  });
  elsewhere.listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  address = `tcp://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
  context('plain', {
    Dockerfile:
      'FROM test/busybox AS base\nENV A=1\nCOPY file.txt /\nRUN echo "hello $A"\nFROM base\nRUN echo second >&2\n',
    'file.txt': 'text\n',
  });
  context('bad', { Dockerfile: 'FROM test/busybox\n\nRUN echo before; \\\n  exit 7\n' });
});

afterAll(async () => {
  elsewhere?.close();
  await machine?.[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

const timeless = (text: string): string => text.replaceAll(/\b\d+\.\d{1,3}(?=s\b| )/g, 'T');

describe('plain progress', () => {
  test('numbered steps of each stage, their output in full, then the image; nothing on stdout', async () => {
    const flags = ['--progress=plain', '--no-cache', '--iidfile', scratch.join('iid'), '--metadata-file'];
    const built = await machine.lade(
      'build',
      ...flags,
      scratch.join('meta'),
      '-t',
      'cli:1',
      scratch.join('plain'),
    );
    const id = readFileSync(scratch.join('iid'), 'utf8');
    const shown = timeless(built.stderr).split('\n');
    expect(shown.filter((line) => !line.startsWith('#0'))).toEqual([
      '#1 [base 1/3] FROM test/busybox AS base',
      '#1 DONE Ts',
      '',
      '#2 [base 2/3] COPY file.txt /',
      '#2 DONE Ts',
      '',
      '#3 [base 3/3] RUN echo "hello $A"',
      '#3 T hello 1',
      '#3 DONE Ts',
      '',
      '#4 [stage-1 1/1] RUN echo second >&2',
      '#4 T second',
      '#4 DONE Ts',
      `built ${id} in Ts (0 from the cache, 3 executed)`,
      'tagged docker.io/library/cli:1',
      '',
    ]);
    expect(built.stdout).toBe('');
    expect(JSON.parse(readFileSync(scratch.join('meta'), 'utf8'))).toMatchObject({
      'containerimage.config.digest': id,
      'image.name': expect.stringContaining('cli:1') as unknown,
    });
    const again = await machine.lade('build', '--progress=plain', scratch.join('plain'));
    expect(again.stderr.match(/^#\d+ CACHED$/gm)).toHaveLength(3);
    const quiet = await machine.lade('buildx', 'build', '-q', scratch.join('plain'));
    expect([quiet.stdout, quiet.stderr]).toEqual([`${id}\n`, '']);
    const raw = await machine.lade('image', 'build', '--progress=rawjson', scratch.join('plain'));
    const last = JSON.parse(raw.stderr.trim().split('\n').at(-1) ?? '') as object;
    expect(last).toMatchObject({ kind: 'result', result: { imageId: id } });
  });

  test('a failing step: its output, the lines of the Dockerfile, its exit code', async () => {
    const failed = await machine.tryLade(['build', '--progress=plain', scratch.join('bad')]);
    expect(failed.code).toBe(7);
    // Once, where it was printed.
    expect(failed.stderr.match(/^(#\d+ \S+ )?before$/gm)).toHaveLength(1);
    expect(failed.stderr).toContain(
      [
        'Dockerfile:3',
        '--------------------',
        '1 |     FROM test/busybox',
        '2 |',
        '3 | >>> RUN echo before; \\',
        '4 | >>>   exit 7',
      ].join('\n'),
    );
    expect((await machine.tryLade(['build', '-q', scratch.join('bad')])).stderr).toContain('before\n');
  });
});

interface Seen {
  readonly terminal: Terminal;
  readonly code: number | null;
}

/** Runs a command in a terminal of `columns` × 24; `during` is called with every state of the screen. */
const watch = async (
  columns: number,
  command: string,
  during: (lines: readonly string[], type: (text: string) => void) => void = () => undefined,
): Promise<Seen> => {
  const terminal = createTerminal(columns, 24);
  const inside = `stty cols ${columns} rows 24; exec ${LADE} ${command}`;
  const env = { ...process.env, LADE_HOST: `unix://${machine.socket}` };
  const child = spawn('script', ['-qec', inside, '/dev/null'], { env });
  const decoder = new TextDecoder();
  child.stdout.on('data', (chunk: Buffer) => {
    terminal.write(decoder.decode(chunk, { stream: true }));
    during(terminal.lines(), (text) => void child.stdin.write(text));
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { terminal, code };
};

describe('the live view', () => {
  test('is drawn in place, fits the terminal, and stays when the build has ended', async () => {
    const long =
      'for i in 1 2 3 4 5 6 7 8 9; do echo "line $i 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字"; sleep 0.2; done';
    context('live', { Dockerfile: `FROM test/busybox\nRUN ${long}\nRUN true\n` });
    let most = 0;
    const { terminal, code } = await watch(60, `build --no-cache ${scratch.join('live')}`, (lines) => {
      most = Math.max(most, lines.filter((line) => line.startsWith(' => => # line')).length);
    });
    expect(code).toBe(0);
    expect(most).toBe(6);
    const lines = terminal.lines().map(timeless);
    const from = lines.findIndex((line) => line.startsWith('[+]'));
    expect(lines[from]).toBe('[+] Building Ts (3/3) FINISHED');
    expect(lines[from + 1]).toMatch(/^ => \[1\/3\] FROM test\/busybox +Ts$/);
    expect(lines[from + 2]).toMatch(/^ => \[2\/3\] RUN for i in .*… Ts$/);
    expect(lines[from + 3]).toMatch(/^ => \[3\/3\] RUN true +Ts$/);
    expect(lines[from + 4]).toMatch(/^built sha256:/);
    expect(lines.filter((line) => line.startsWith('[+]'))).toHaveLength(1);
    expect(terminal.cursorVisible()).toBe(true);
  });

  test('^C ends the build on both sides and leaves the screen in order', async () => {
    context('slow', { Dockerfile: 'FROM test/busybox\nRUN echo begun; sleep 500\n' });
    let typed = false;
    const { terminal, code } = await watch(80, `build ${scratch.join('slow')}`, (lines, type) => {
      if (typed || !lines.includes(' => => # begun')) return;
      typed = true;
      type('\u0003');
    });
    expect(code).toBe(130);
    expect(terminal.lines().map(timeless).at(-1)).toMatch(
      /^ => CANCELED \[2\/2\] RUN echo begun; sleep 500 +Ts$/,
    );
    expect(terminal.cursorVisible()).toBe(true);
    // It has waited until the daemon was done with it.
    expect((await machine.lade('builder', 'history', 'ls')).stdout.split('\n')[1]).toContain('cancelled');
  });

  test('a second ^C leaves at once, also a daemon that does not answer', async () => {
    context('stuck', { Dockerfile: 'FROM test/busybox\nRUN echo begun; sleep 501\n' });
    let typed = 0;
    const again = async (type: (text: string) => void): Promise<void> => {
      // The first one is waited for: without a second the build would be shown for ever.
      await new Promise((resolve) => setTimeout(resolve, 300));
      typed = 2;
      type('\u0003');
    };
    try {
      const { terminal, code } = await watch(80, `build ${scratch.join('stuck')}`, (lines, type) => {
        if (typed > 0 || !lines.includes(' => => # begun')) return;
        typed = 1;
        machine.daemon.child.kill('SIGSTOP');
        type('\u0003');
        void again(type);
      });
      expect([code, typed]).toEqual([130, 2]);
      expect(terminal.cursorVisible()).toBe(true);
    } finally {
      machine.daemon.child.kill('SIGCONT');
    }
    await expect
      .poll(async () => (await machine.lade('builder', 'history', 'ls')).stdout.split('\n')[1])
      .toContain('cancelled');
  });
});

test('a client that sees other files at the same socket sends its own', async () => {
  const path = context('covered', { Dockerfile: 'FROM test/busybox\nCOPY f /\nRUN cat /f\n', f: 'daemon' });
  // In a view of its own, another file lies where the daemon sees that one.
  const script = `echo client > ${scratch.join('other')}; mount --bind ${scratch.join('other')} ${path}/f
    exec ${LADE} --host unix://${machine.socket} build --progress=plain ${path}`;
  const view = ['-m', '--propagation', 'private', 'sh', '-ec', script];
  const { stderr } = await mustRun('unshare', view);
  expect(stderr).toContain('load build context');
  expect(stderr).toMatch(/^#\d+ \S+ client$/m);
  expect((await machine.lade('build', '--progress=plain', path)).stderr).toMatch(/^#\d+ \S+ daemon$/m);
});

describe('a daemon elsewhere', () => {
  const there = (args: readonly string[], input?: string) =>
    machine.tryLade(
      ['--host', address, 'build', '--progress=plain', ...args],
      input === undefined ? {} : { input },
    );
  const idOf = ({ stderr }: { readonly stderr: string }): string | undefined =>
    /^built (\S+)/m.exec(stderr)?.[1];

  test('gets the context as here: ignore file, links, secrets; and makes the same image', async () => {
    const path = context('sent', {
      '.dockerignore': '*.log\n!keep.log\nReal.Dockerfile\n',
      'a.log': 'no',
      'keep.log': 'yes',
      'Real.Dockerfile':
        'FROM test/busybox\nARG GIVEN\nCOPY . /all\nRUN --mount=type=secret,id=s ls /all; wc -c < /run/secrets/s; echo "$GIVEN"\n',
    });
    symlinkSync('Real.Dockerfile', scratch.join('sent', 'Dockerfile'));
    const flags = [
      '--no-cache',
      '--build-arg',
      'GIVEN=g',
      '--secret',
      `id=s,src=${scratch.join('sent', 'a.log')}`,
    ];
    const sent = await there([...flags, path]);
    expect(sent.stderr).toMatch(
      /^#1 \[internal\] load build context\n#1 transferring context: .*B done\n#1 DONE/m,
    );
    expect(sent.stderr).toMatch(/ Dockerfile\n#\d+ \S+ keep\.log\n#\d+ \S+ 2\n#\d+ \S+ g\n/);
    const here = await machine.lade('build', '--progress=plain', ...flags.slice(1), path);
    expect(idOf(here)).toBe(idOf(sent));
  });

  test('a Dockerfile from outside, from stdin, and an archive on stdin', async () => {
    writeFileSync(scratch.join('Outside'), 'FROM test/busybox\nCOPY file.txt /out\n');
    const outside = await there(['-f', scratch.join('Outside'), scratch.join('plain')]);
    const input = readFileSync(scratch.join('Outside'), 'utf8');
    const typed = await there(['--compress', '-f', '-', scratch.join('plain')], input);
    expect(idOf(outside)).toMatch(/^sha256:/);
    expect(idOf(typed)).toBe(idOf(outside));
    expect(idOf(await there(['-'], 'FROM test/busybox\n'))).toMatch(/^sha256:/);
  });

  test('outputs come back: files, archives, layouts, several at once, to stdout', async () => {
    const path = context('outputs', {
      Dockerfile: 'FROM scratch\nCOPY a.txt dir/\nCOPY --chmod=640 --chown=3:4 a.txt b\n',
      'a.txt': 'content\n',
    });
    const to = (name: string): string => scratch.join('out', name);
    mkdirSync(scratch.join('out'));
    const outputs = [
      to('files'),
      `type=tar,dest=${to('files.tar')}`,
      `type=oci,dest=${to('layout')},tar=false`,
    ];
    const archive = `type=docker,dest=${to('image.tar')}`;
    const built = await there([
      ...[...outputs, archive].flatMap((spec) => ['-o', spec]),
      '-t',
      'sent:1',
      path,
    ]);
    expect(built.code, built.stderr).toBe(0);
    expect(readFileSync(to('files/dir/a.txt'), 'utf8')).toBe('content\n');
    expect(statSync(to('files/b'))).toMatchObject({ mode: 0o100640, uid: 3, gid: 4 });
    const listed = await mustRun('tar', ['-tvf', to('files.tar'), '--numeric-owner']);
    expect(listed.stdout).toMatch(/-rw-r----- 3\/4 +8 .* b\n/);
    const inspected = await mustRun('skopeo', ['inspect', '--raw', `oci:${to('layout')}`]);
    expect(JSON.parse(inspected.stdout)).toMatchObject({ config: { digest: idOf(built) } });
    const loaded = await mustRun('skopeo', ['inspect', '--config', `docker-archive:${to('image.tar')}`]);
    expect(JSON.parse(loaded.stdout)).toMatchObject({ rootfs: { type: 'layers' } });
    const piped = await mustRun('sh', [
      '-c',
      `${LADE} --host ${address} build -q -o - ${path} | tar -xO dir/a.txt`,
    ]);
    expect(piped.stdout).toBe('content\n');
    expect(readdirSync(scratch.join('root', 'builds'))).toEqual([]);
  });

  test('what only works on the same machine is refused by its name', async () => {
    const refused = await there(['--build-context', `x=${scratch.join('plain')}`, scratch.join('plain')]);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('--build-context x of a local path'),
    ]);
  });

  test('a client that goes away ends the build', async () => {
    context('gone', { Dockerfile: 'FROM test/busybox\nRUN echo begun; sleep 400\n' });
    const child = spawn(LADE, ['--host', address, 'build', '--progress=plain', scratch.join('gone')]);
    let shown = '';
    child.stderr.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    await expect.poll(() => shown).toContain('begun\n');
    child.kill('SIGKILL');
    await expect
      .poll(async () => (await machine.lade('builder', 'history', 'ls')).stdout.split('\n')[1])
      .toContain('cancelled');
  });
});

describe('options', () => {
  test.each([
    [['-o', 'type=nope'], 'unknown type "nope"'],
    [['-o', 'type=local'], 'dest is required for local exporter'],
    [['-o', 'dest=x'], 'type is required for output'],
    [['--push'], 'tag is needed when pushing to registry'],
    [['--cache-to', 'type=gha'], 'cache type "gha" is not supported yet'],
    [['--cache-from', 'type=registry'], 'ref is required'],
    [['--build-context', 'x'], 'expected key=value'],
    [['--secret', 'src=x'], 'id is required'],
    [['--secret', 'id=x,colour=red'], 'unknown or unsupported field "colour"'],
    [['--ssh', 'default=/nowhere'], 'there is no /nowhere'],
    [['--allow', 'everything'], 'unknown entitlement'],
    [['--attest', 'type=nope'], 'unknown type "nope"'],
    [['--provenance', 'mode=most'], 'unknown mode "most"'],
    [['--progress', 'fancy'], 'invalid progress type: fancy'],
    [['--ulimit', 'nofile'], 'invalid ulimit argument'],
    [['--add-host', 'x'], 'bad format for add-host'],
    [['--security-opt', 'x=y'], '--security-opt of a build is not supported yet'],
  ])('%j is refused with what is wrong', async (flags, problem) => {
    const { code, stderr } = await machine.tryLade(['build', ...flags, scratch.join('plain')]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(problem)]);
  });
});
