import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { FRAME_HEADER_BYTES, parseFrameHeader } from '#api';
import type { AttachOptions, Attachment } from '#engine';
import { defineErrors } from '#errors';
import { buffer } from 'node:stream/consumers';
import type { OutputChunk } from '#runtime';
import { serveParts } from './testing.ts';

const errors = defineErrors('daemon-sample', {
  gone: {
    kind: 'not-found',
    message: (p: { id: string }) => `No such container: ${p.id}`,
    hint: 'look at docker ps -a',
  },
  clash: { kind: 'conflict', message: () => 'clash' },
  bad: { kind: 'invalid-argument', message: () => 'bad', hint: 'be good' },
});

describe('versions', () => {
  test('with and without prefix; out of range is refused with the sentence of the engine', async () => {
    await using served = await serveParts({});
    const ping = await served.ask('GET', '/_ping');
    expect(ping).toMatchObject({ status: 200, text: 'OK' });
    expect(ping.headers).toMatchObject({
      'api-version': '1.51',
      'builder-version': '1',
      'docker-experimental': 'true',
      ostype: 'linux',
      swarm: 'inactive',
    });
    expect((await served.ask('GET', '/v1.24/_ping')).status).toBe(200);
    expect(await served.ask('HEAD', '/_ping')).toMatchObject({ status: 200, text: '' });
    const tooNew = await served.ask('GET', '/v1.99/_ping');
    expect(tooNew.status).toBe(400);
    expect(JSON.parse(tooNew.text)).toMatchObject({
      message: expect.stringContaining(
        'client version 1.99 is too new. Maximum supported API version is 1.51',
      ),
    });
    expect((await served.ask('GET', '/v1.12/_ping')).status).toBe(400);
  });

  test('a pull of an image without a name imports nothing', async () => {
    await using served = await serveParts({});
    for (const query of ['?fromImage=&tag=latest', ''])
      expect(await served.ask('POST', `/v1.51/images/create${query}`)).toMatchObject({ status: 400 });
  });

  test('what is missing says so', async () => {
    await using served = await serveParts({});
    expect(await served.ask('POST', '/v1.51/containers/x/checkpoints')).toMatchObject({ status: 501 });
    expect(await served.ask('GET', '/v1.51/services')).toMatchObject({ status: 503 });
    expect(await served.ask('POST', '/swarm/init', '{}')).toMatchObject({ status: 503 });
    expect(await served.ask('GET', '/plugins')).toMatchObject({ status: 200, text: '[]' });
  });
});

describe('errors', () => {
  test('kinds become statuses; messages that clients match stay exact', async () => {
    await using served = await serveParts({
      engine: {
        containers: {
          inspect: async (id: string) => {
            throw id === 'clash' ? errors.clash({}) : id === 'bad' ? errors.bad({}) : errors.gone({ id });
          },
        },
      },
    });
    const gone = await served.ask('GET', '/v1.51/containers/abc/json');
    expect(gone.status).toBe(404);
    expect(JSON.parse(gone.text)).toMatchObject({
      message: 'No such container: abc',
      code: 'DAEMON_SAMPLE_GONE',
      hint: 'look at docker ps -a',
    });
    expect((await served.ask('GET', '/containers/clash/json')).status).toBe(409);
    const bad = await served.ask('GET', '/containers/bad/json');
    expect(bad.status).toBe(400);
    expect(JSON.parse(bad.text)).toMatchObject({ message: 'bad (be good)' });
  });

  test('a body that is wrong names its field', async () => {
    await using served = await serveParts({});
    const answer = await served.ask('POST', '/containers/create', '{"HostConfig":{"Binds":1}}');
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('HostConfig.Binds');
  });
});

describe('sessions', () => {
  /** Echoes what arrives on stdin, then says bye on stderr. */
  const echo = (tty: boolean, seen: AttachOptions[] = []) => ({
    engine: {
      containers: {
        attach: async (_name: string, options: AttachOptions): Promise<Attachment> => {
          seen.push(options);
          const stdin = new PassThrough();
          const output = async function* (): AsyncGenerator<OutputChunk> {
            yield { stream: 'stdout', data: Buffer.from('ready;') };
            for await (const data of stdin) yield { stream: 'stdout', data: data as Buffer };
            yield { stream: 'stderr', data: Buffer.from('bye') };
          };
          return { tty, stdin, output: output(), close: () => stdin.destroy() };
        },
      },
    },
  });

  test('attach upgrades, multiplexes, and the half-close of the client ends the input', async () => {
    const seen: AttachOptions[] = [];
    await using served = await serveParts(echo(false, seen));
    const upgraded = await served.client.upgrade({
      method: 'POST',
      url: '/v1.51/containers/c/attach?stream=1&stdin=1&stdout=1&stderr=1',
    });
    if (upgraded.kind !== 'upgraded') throw new Error('not upgraded');
    expect(upgraded.status).toBe(101);
    expect(upgraded.headers['content-type']).toBe('application/vnd.docker.multiplexed-stream');
    const parts: Buffer[] = [];
    upgraded.socket.on('data', (data: Buffer) => parts.push(data));
    upgraded.socket.write('hello');
    await setTimeout(50);
    upgraded.socket.end();
    await once(upgraded.socket, 'close');
    let bytes = Buffer.concat(parts);
    const frames: [string | undefined, string][] = [];
    while (bytes.length > 0) {
      const frame = parseFrameHeader(bytes);
      const end = FRAME_HEADER_BYTES + (frame?.size ?? 0);
      frames.push([frame?.stream, bytes.toString('utf8', FRAME_HEADER_BYTES, end)]);
      bytes = bytes.subarray(end);
    }
    expect(frames).toEqual([
      ['stdout', 'ready;'],
      ['stdout', 'hello'],
      ['stderr', 'bye'],
    ]);
    expect(seen).toMatchObject([{ stream: true, stdin: true, stdout: true, stderr: true, logs: false }]);
  });

  test('a terminal is raw; the old media type for old clients', async () => {
    await using served = await serveParts(echo(true));
    const upgraded = await served.client.upgrade({
      method: 'POST',
      url: '/v1.41/containers/c/attach?stream=1',
    });
    if (upgraded.kind !== 'upgraded') throw new Error('not upgraded');
    expect(upgraded.headers['content-type']).toBe('application/vnd.docker.raw-stream');
    upgraded.socket.end('x');
    expect((await buffer(upgraded.socket)).toString()).toBe('ready;xbye');
  });

  test('a client that leaves a silent container closes the attachment', async () => {
    let closed = 0;
    await using served = await serveParts({
      engine: {
        containers: {
          attach: async (): Promise<Attachment> => {
            const stdin = new PassThrough();
            const output = async function* (): AsyncGenerator<OutputChunk> {
              yield { stream: 'stdout', data: Buffer.from('x') };
              await once(stdin, 'close');
            };
            return {
              tty: true,
              stdin,
              output: output(),
              close: () => {
                closed++;
                stdin.destroy();
              },
            };
          },
        },
      },
    });
    const upgraded = await served.client.upgrade({ method: 'POST', url: '/containers/c/attach?stream=1' });
    if (upgraded.kind !== 'upgraded') throw new Error('not upgraded');
    await once(upgraded.socket, 'data');
    upgraded.socket.destroy();
    await expect.poll(() => closed, { timeout: 10_000 }).toBeGreaterThan(0);
  });

  test('an error before the session is an ordinary answer', async () => {
    await using served = await serveParts({
      engine: { containers: { attach: async () => Promise.reject(errors.gone({ id: 'x' })) } },
    });
    const answer = await served.client.upgrade({ method: 'POST', url: '/containers/x/attach' });
    expect(answer).toMatchObject({ kind: 'response', status: 404 });
    if (answer.kind === 'response')
      expect((await buffer(answer.body)).toString()).toContain('No such container');
  });
});

describe('long answers', () => {
  test('wait sends its head when registered and its body at the end', async () => {
    const gate = Promise.withResolvers<{ exitCode: number }>();
    await using served = await serveParts({
      engine: { containers: { wait: () => ({ ready: Promise.resolve(), result: gate.promise }) } },
    });
    const answer = await served.client.request({
      method: 'POST',
      url: '/containers/c/wait?condition=next-exit',
    });
    expect(answer.status).toBe(200);
    gate.resolve({ exitCode: 42 });
    expect(JSON.parse((await buffer(answer.body)).toString())).toEqual({ StatusCode: 42 });
    expect((await served.ask('POST', '/containers/c/wait?condition=never')).status).toBe(400);
  });

  test('events: remembered ones since, live ones, filters, until', async () => {
    await using served = await serveParts({});
    const emit = (action: string, name: string, seconds: number): void =>
      served.events.emit({
        type: 'container',
        action,
        actor: { id: `${name}0123`, attributes: { name, image: 'debian:12', color: 'red' } },
        timeNs: BigInt(seconds) * 1_000_000_000n + 7n,
      });
    const now = Math.floor(Date.now() / 1000);
    emit('create', 'old', 1000);
    emit('start', 'web', now);
    const filters = encodeURIComponent(JSON.stringify({ container: ['web'], label: ['color=red'] }));
    const url = `/events?since=${now - 5}&until=${now + 2}&filters=${filters}`;
    const answer = await served.client.request({ url });
    emit('die', 'web', now + 1);
    emit('die', 'other', now + 1);
    const lines = (await buffer(answer.body)).toString().trim().split('\r\n');
    expect(lines.map((line) => (JSON.parse(line) as { Action: string }).Action)).toEqual(['start', 'die']);
    expect(lines[0]).toContain(`"timeNano":${now}000000007`);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      Type: 'container',
      Actor: { ID: 'web0123', Attributes: { name: 'web' } },
      scope: 'local',
      status: 'start',
      from: 'debian:12',
    });
  });

  test('logs are framed, and a terminal’s are not', async () => {
    const output = async function* (): AsyncGenerator<OutputChunk> {
      yield { stream: 'stderr', data: Buffer.from('oops\n') };
    };
    await using served = await serveParts({
      engine: { containers: { logs: async (name: string) => ({ tty: name === 'tty', output: output() }) } },
    });
    expect((await served.ask('GET', '/containers/c/logs?stderr=1')).text).toBe(
      `\u0002\0\0\0\0\0\0\u0005oops\n`,
    );
    expect((await served.ask('GET', '/containers/tty/logs?stderr=1')).text).toBe('oops\n');
    expect((await served.ask('GET', '/containers/c/logs')).status).toBe(400);
  });
});

test('prune of networks takes a duration before now', async () => {
  const hours = (count: number) => ({ created: new Date(Date.now() - count * 3_600_000), labels: {} });
  const networks = [
    { name: 'old', ...hours(30) },
    { name: 'new', ...hours(1) },
  ];
  const prune = async (test: (network: object) => boolean) => networks.filter(test);
  await using served = await serveParts({ networks: { prune } });
  const filtered = (until: string) =>
    served.ask('POST', `/networks/prune?filters=${encodeURIComponent(JSON.stringify({ until: [until] }))}`);
  expect(JSON.parse((await filtered('24h')).text)).toEqual({ NetworksDeleted: ['old'] });
  expect((await filtered('yesterday')).status).toBe(400);
});
