/** lade build --debug: a shell where a step failed, by pipes and by a terminal (script(1)). */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busyboxArchive, LADE, startMachine, type Machine } from './support/lade.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
const stack = new AsyncDisposableStack();
let machine: Machine;
let context: string;

const DOCKERFILE = `FROM bb AS other
RUN mkdir /o && echo shown > /o/f
FROM bb
ARG WHO=arg
ENV NAME=value
RUN mkdir -p /home/web/w && chown 1000 /home/web/w
WORKDIR /home/web/w
USER web
RUN --mount=type=secret,id=s,uid=1000 --mount=from=other,source=/o,target=/o --network=none \\
    echo left > state && echo before the end && exit 9
`;

beforeAll(async () => {
  machine = stack.use(await startMachine(scratch));
  await machine.lade('import', await busyboxArchive(scratch), 'bb');
  context = scratch.join('context');
  mkdirSync(context);
  writeFileSync(join(context, 'Dockerfile'), DOCKERFILE);
  writeFileSync(scratch.join('secret'), 'top-secret');
});

afterAll(async () => {
  await stack.disposeAsync();
  scratch[Symbol.dispose]();
});

const ARGS = ['build', '--progress=plain', '--secret'];
const args = (...more: readonly string[]): readonly string[] => [
  ...ARGS,
  `id=s,src=${scratch.join('secret')}`,
  ...more,
  context,
];

/** Nothing of failed steps is left: snapshots, files, mounts. */
const isClean = (): boolean =>
  readdirSync(join(machine.root, 'snapshots')).length === 0 &&
  readdirSync(join(machine.root, 'builds')).length === 0 &&
  !readFileSync('/proc/mounts').toString().includes(`lade-secrets ${machine.root}`);

const LOOK =
  'pwd; id -un; cat state; cat /o/f; cat /run/secrets/s; echo " $NAME $WHO"; ls /sys/class/net; hostname; exit 4\n';

describe('a failed step', () => {
  test('is looked at as its command left it: environment, mounts, user and network are the same', async () => {
    const { code, stdout, stderr } = await machine.tryLade(args('--debug=after'), { input: LOOK });
    expect(stderr).toContain('did not complete successfully: exit code: 9');
    expect(code).toBe(9);
    expect(stdout.split('\n')).toEqual([
      '/home/web/w',
      'web',
      'left',
      'shown',
      'top-secret value arg',
      'lo',
      'buildkitsandbox',
      '',
    ]);
    expect(isClean()).toBe(true);
  });

  test('or as it began', async () => {
    const input = 'ls; cat /o/f; touch mine && ls\n';
    const { stdout } = await machine.tryLade(args('--debug=before'), { input });
    expect(stdout).toBe('shown\nmine\n');
    expect(isClean()).toBe(true);
  });

  test('is kept for lade debug while nobody has looked, and then gone; another build does not touch it', async () => {
    const order = { contextPath: context, keepFailed: true, secrets: { s: 'eA==' } };
    const answer = execFileSync('curl', [
      '-sN',
      '--unix-socket',
      machine.socket,
      '-H',
      'Content-Type: application/json',
      '-d',
      JSON.stringify(order),
      'http://x/lade/v1/build',
    ]).toString();
    const kept = /"kind":"step-kept","build":"([0-9a-f]+)"/u.exec(answer)?.[1] ?? '';
    expect(kept).not.toBe('');
    expect(isClean()).toBe(false);
    expect((await machine.tryLade(args())).code).toBe(9);
    const looked = await machine.tryLade(['debug', kept.slice(0, 10), 'cat', 'state', '/o/f']);
    expect(looked).toMatchObject({ code: 0, stdout: 'left\nshown\n' });
    expect(isClean()).toBe(true);
    const gone = await machine.tryLade(['debug', kept]);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain('nothing is kept');
  });

  test('goes with the daemon that was killed', async () => {
    const looking = machine.tryLade(args('--debug=after'), { input: 'echo up > /tmp/up; sleep 4712\n' });
    const running = (): string =>
      execFileSync('sh', ['-c', 'pgrep -fx "sleep 4712" || true']).toString().trim();
    await expect.poll(running).not.toBe('');
    await machine.restart('SIGKILL');
    expect((await looking).code).not.toBe(0);
    await machine.tryLade(['build', '--progress=plain', '-'], { input: 'FROM bb\nRUN true\n' });
    await expect.poll(running).toBe('');
    await expect.poll(isClean).toBe(true);
  });
});

const noScript = !existsSync('/usr/bin/script');

describe.skipIf(noScript)('on a terminal (needs script)', () => {
  test('asks where, gives a terminal of the right size, and asks again', async () => {
    const command = [LADE, ...args('--debug')].map((word) => `'${word}'`).join(' ');
    const child = spawn('script', ['-qec', `stty rows 33 cols 91; ${command}`, '/dev/null'], {
      env: { ...process.env, LADE_HOST: `unix://${machine.socket}`, TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let seen = '';
    child.stdout.on('data', (data: Buffer) => {
      seen += data.toString();
    });
    const said = async (text: string | RegExp): Promise<void> => {
      await expect.poll(() => seen).toMatch(text);
      seen = '';
    };
    const type = (line: string): boolean => child.stdin.write(`${line}\n`);
    await said(/\[a\]fter or \[b\]efore .* \[e\]nd\?/u);
    type('a');
    await said(/\$ /u);
    type('stty size; tty; cat state');
    await said(/33 91\s[\s\S]*\/dev\/pts\/\d\s[\s\S]*left/u);
    type('exit');
    await said(/\[a\]fter or/u);
    type('before');
    await said(/\$ /u);
    type('ls state; echo done-$?');
    await said(/done-1/u);
    type('exit');
    await said(/\[e\]nd\?/u);
    const closed = new Promise((resolve) => child.once('close', resolve));
    type('e');
    expect(await closed).toBe(9);
    expect(isClean()).toBe(true);
  });
});
