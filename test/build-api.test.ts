/** POST /build: the docker command line and plain HTTP, compared with what Debian's dockerd answers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDockerd, type Dockerd } from './bench/dockerd.ts';
import { busyboxArchive, startMachine, type Machine } from './support/lade.ts';
import { mustRun, run } from './support/process.ts';
import { createScratch } from './support/scratch.ts';
import { readTrace } from './support/trace.ts';

const scratch = createScratch();
let machine: Machine;
let dockerd: Dockerd | undefined;

const DOCKERFILE = `FROM test/busybox as one
ARG X=default
ENV A=1   B="two words"
LABEL key=value
WORKDIR /w
COPY file.txt ./
RUN echo out; echo "A=$A X=$X"
FROM test/busybox
COPY --from=one /w/file.txt /copied
RUN echo problem >&2; exit \${CODE:-0}
EXPOSE 80
CMD ["sh"]
`;

const context = (name: string, dockerfile: string): string => {
  const path = scratch.join(name);
  mkdirSync(path);
  writeFileSync(scratch.join(name, 'Dockerfile'), dockerfile);
  writeFileSync(scratch.join(name, 'file.txt'), 'some text\n');
  return path;
};

beforeAll(async () => {
  machine = await startMachine(scratch);
  const archive = await busyboxArchive(scratch);
  await machine.docker('import', archive, 'test/busybox');
  context('good', DOCKERFILE);
  context('bad', 'FROM test/busybox\nRUN echo before; exit 7\n');
  dockerd = await startDockerd(scratch.child('dockerd'), {
    args: ['--bridge=none', '--iptables=false', '--experimental'],
  });
  if (dockerd !== undefined) await mustRun('docker', ['-H', dockerd.host, 'import', archive, 'test/busybox']);
});

afterAll(async () => {
  await dockerd?.[Symbol.asyncDispose]();
  await machine?.[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

interface Line {
  readonly stream?: string;
  readonly id?: string;
  readonly aux?: unknown;
  readonly error?: string;
  readonly errorDetail?: { readonly code?: number; readonly message: string };
}

interface Answer {
  readonly status: number;
  readonly lines: readonly Line[];
}

/** Sends a directory as docker does; steps share the host's network, which both engines have here. */
const post = async (
  socket: string,
  name: string,
  query: Readonly<Record<string, string>>,
): Promise<Answer> => {
  const archive = await mustRun('sh', ['-c', 'tar -c . | base64 -w0'], { cwd: scratch.join(name) });
  const parameters = new URLSearchParams({ networkmode: 'host', ...query });
  const call = request({ socketPath: socket, path: `/v1.41/build?${parameters.toString()}`, method: 'POST' });
  call.setHeader('Content-Type', 'application/x-tar');
  call.end(Buffer.from(archive.stdout, 'base64'));
  const [response] = await once(call, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const texts = Buffer.concat(chunks).toString().trim().split(/\r?\n/);
  return { status: response.statusCode, lines: texts.map((text) => JSON.parse(text) as Line) };
};

const onLade = (name: string, query: Readonly<Record<string, string>>): Promise<Answer> =>
  post(machine.socket, name, query);
const onDocker = (name: string, query: Readonly<Record<string, string>>): Promise<Answer> =>
  post((dockerd?.host ?? '').replace('unix://', ''), name, query);

const STEP_ID = /(?<=---> |Running in |container |built |ID":"sha256:)[0-9a-f]{12,64}/g;

/**
 * What a client prints, with letters for identifiers. Docker starts a container for each setting too, says after each
 * stage which image it is, and may send what one step prints in other pieces.
 */
const printed = ({ lines }: Answer): string => {
  const shown = lines.map((line) => line.stream ?? `${JSON.stringify(line)}\n`).join('');
  const settings =
    /( : (?:ARG|ENV|LABEL|WORKDIR|EXPOSE|CMD) .*\n) ---> Running in .*\n(?:Removing intermediate.*\n)?/g;
  return shown
    .replaceAll(settings, '$1')
    .replaceAll(/^\{"aux".*\n(?=Step)/gm, '')
    .replaceAll(STEP_ID, 'ID')
    .replaceAll(/sha256:[0-9a-f]{64}/g, 'ID');
};

describe('the classic builder', () => {
  test.each([
    ['a build', 'good', { t: 'app:1', rm: '1', nocache: '1' }],
    ['the same from the cache', 'good', { t: 'app:1', rm: '1' }],
    ['containers that stay', 'good', { rm: '0', nocache: '1' }],
    [
      'a stage, build arguments that nothing declares, several names',
      'good',
      {
        target: 'one',
        nocache: '1',
        rm: '1',
        buildargs: '{"X":"given","UNUSED":"u"}',
      },
    ],
    ['nothing but the ID', 'good', { q: '1' }],
    ['a failing step', 'bad', { rm: '1' }],
    ['a failing step whose container goes', 'bad', { forcerm: '1' }],
    ['a failing step, quietly', 'bad', { q: '1' }],
  ] as const)('prints what dockerd prints: %s', async (_, name, query) => {
    const own = await onLade(name, query);
    expect(own.status).toBe(200);
    if (dockerd === undefined) return console.warn('not compared: there is no dockerd on this machine');
    const theirs = await onDocker(name, query);
    expect(printed(own)).toBe(printed(theirs));
  });

  test('errors before the first step have a status; later ones are the last line, with the exit code', async () => {
    context('unknown', 'FROM test/busybox\nFOO bar\n');
    expect((await onLade('unknown', {})).status).toBe(400);
    expect((await onLade('good', { dockerfile: 'nope' })).status).toBe(404);
    expect((await onLade('good', { t: 'UPPER' })).status).toBe(400);
    const { lines } = await onLade('bad', {});
    expect(lines.at(-1)).toEqual({
      errorDetail: {
        code: 7,
        message: "The command '/bin/sh -c echo before; exit 7' returned a non-zero code: 7",
      },
      error: "The command '/bin/sh -c echo before; exit 7' returned a non-zero code: 7",
    });
  });
});

describe('BuildKit without a session', () => {
  const traceOf = ({ lines }: Answer) =>
    readTrace(lines.flatMap(({ id, aux }) => (id === 'moby.buildkit.trace' ? [String(aux)] : [])));
  const steps = (answer: Answer) =>
    [...traceOf(answer).values()]
      .filter(({ name }) => /^\[.*\] (?:RUN|COPY|WORKDIR)/.test(name))
      // Docker shows arguments with their values.
      .map(({ name, completed, log }) => ({ name: name.replace(/RUN.*/, 'RUN'), completed, log }))
      .toSorted((a, b) => a.name.localeCompare(b.name));
  const rest = ({ lines }: Answer) =>
    lines
      .filter(({ id }) => id !== 'moby.buildkit.trace')
      .map((line) => JSON.stringify(line).replaceAll(/[0-9a-f]{64}/g, 'ID'));

  test('answers the vertices, their output and the image as dockerd does', async () => {
    const own = await onLade('good', { version: '2', t: 'kit:1', nocache: '1' });
    expect(steps(own).map(({ name }) => name)).toEqual([
      '[one 2/4] WORKDIR /w',
      '[one 3/4] COPY file.txt ./',
      '[one 4/4] RUN',
      '[stage-1 2/3] COPY --from=one /w/file.txt /copied',
      '[stage-1 3/3] RUN',
    ]);
    expect(rest(own)).toEqual([
      '{"id":"moby.image.id","aux":{"ID":"sha256:ID"}}',
      '{"stream":"Successfully tagged kit:1\\n"}',
    ]);
    if (dockerd === undefined) return console.warn('not compared: there is no dockerd on this machine');
    const theirs = await onDocker('good', { version: '2', t: 'kit:1', nocache: '1' });
    expect(steps(own)).toEqual(steps(theirs));
    expect(rest(own)).toEqual(rest(theirs));
  });

  test('tells what came from the cache, and what failed', async () => {
    const cached = [...traceOf(await onLade('good', { version: '2' })).values()];
    expect(cached.filter(({ cached: hit }) => hit).map(({ name }) => name)).toContain(
      '[one 3/4] COPY file.txt ./',
    );
    const failed = await onLade('bad', { version: '2' });
    const vertex = [...traceOf(failed).values()].find(({ error }) => error !== '');
    expect(vertex).toMatchObject({ name: '[2/2] RUN echo before; exit 7', log: 'before\n' });
    expect(vertex?.error).toContain('exit code: 7');
    expect(failed.lines.at(-1)?.errorDetail).toMatchObject({
      message: expect.stringContaining('exit code: 7') as unknown,
    });
  });

  test('a client with a session is told what to do', async () => {
    const answer = await onLade('good', { version: '2', session: 's' });
    expect(answer.status).toBe(501);
    expect(JSON.stringify(answer.lines)).toContain('DOCKER_BUILDKIT=0');
  });
});

describe('docker build', () => {
  test('options reach the steps', async () => {
    context(
      'options',
      'FROM test/busybox\nARG X\nRUN ulimit -n; cat /etc/hosts; df -k /dev/shm; echo "X=$X"\n',
    );
    const flags = [
      '--ulimit',
      'nofile=99:100',
      '--add-host',
      'db:10.1.1.1',
      '--shm-size',
      '5m',
      '--build-arg',
      'X=1',
    ];
    const more = [
      '--label',
      'a=b',
      '--iidfile',
      scratch.join('iid'),
      '-t',
      'o:1',
      '-t',
      'o:2',
      '--network',
      'none',
    ];
    const { stdout } = await machine.docker('build', ...flags, ...more, scratch.join('options'));
    expect(stdout).toMatch(/\n99\n[^]*10\.1\.1\.1\s+db[^]* 5120 [^]*X=1\n/);
    const id = readFileSync(scratch.join('iid'), 'utf8');
    const inspected = await machine.docker(
      'image',
      'inspect',
      '-f',
      '{{.Id}} {{.Config.Labels.a}}',
      'o:1',
      'o:2',
    );
    expect(inspected.stdout.trim().split('\n')).toEqual([`${id} b`, `${id} b`]);
  });

  test('a Dockerfile outside of the context, from stdin, and a compressed context', async () => {
    writeFileSync(scratch.join('Outside'), 'FROM test/busybox\nCOPY file.txt /outside\n');
    const outside = await machine.docker('build', '-q', '-f', scratch.join('Outside'), scratch.join('good'));
    const compressed = await machine.docker(
      'build',
      '-q',
      '--compress',
      '-f',
      scratch.join('Outside'),
      scratch.join('good'),
    );
    expect(compressed.stdout).toBe(outside.stdout);
    const input = 'FROM test/busybox\nRUN echo alone\n';
    expect((await machine.tryDocker(['build', '-'], { input })).stdout).toContain('alone');
  });

  test('a failing step hands on its code; ^C ends the build on the daemon too', async () => {
    expect((await machine.tryDocker(['build', scratch.join('bad')])).code).toBe(7);
    context('slow', 'FROM test/busybox\nRUN echo begun; sleep 600\n');
    const env = { ...process.env, DOCKER_HOST: `unix://${machine.socket}`, DOCKER_BUILDKIT: '0' };
    const child = spawn('docker', ['build', scratch.join('slow')], { env });
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    await expect.poll(() => shown).toContain('begun\n');
    child.kill('SIGINT');
    await once(child, 'exit');
    await expect
      .poll(async () => (await machine.lade('builder', 'history', 'ls')).stdout)
      .toMatch(/cancelled/);
    expect((await run('pgrep', ['-f', 'sleep 600'])).stdout).toBe('');
  });
});
