import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { encodeAuthHeader } from '#api';
import type { BuildRequest, BuildResult } from '#builder';
import type { ImageId } from '#oci';
import { authLookup } from './build-request.ts';
import { serveParts, type Served } from './testing.ts';

const IMAGE = `sha256:${'ab'.repeat(32)}` as ImageId;
const RESULT: BuildResult = {
  buildId: '0123456789abcdef',
  imageId: IMAGE,
  tags: ['docker.io/library/web:1'],
  images: [],
  metadata: {},
  steps: { total: 1, cached: 0, executed: 1 },
  durationMs: 1,
};

const serveBuilder = async (requests: BuildRequest[]): Promise<Served> =>
  await serveParts({
    buildDefaults: { hostCa: { path: '/ca.pem' }, proxies: { http_proxy: 'http://p' } },
    builder: async () => ({
      build: async (request: BuildRequest) => {
        requests.push(request);
        if (request.target === 'broken') throw new Error('no such stage');
        return RESULT;
      },
    }),
  });

describe('POST /build', () => {
  test('the query of docker’s own client becomes a request', async () => {
    const requests: BuildRequest[] = [];
    await using served = await serveBuilder(requests);
    const query = new URLSearchParams({
      t: 'web:1',
      dockerfile: 'D.x',
      buildargs: '{"A":"1","B":null}',
      labels: '{"l":"v"}',
      cachefrom: '[]',
      ulimits: 'null',
      memory: '0',
      shmsize: '0',
      networkmode: 'default',
      target: 'final',
      nocache: '1',
      rm: '1',
      version: '1',
    });
    const answer = await served.ask('POST', `/v1.50/build?${query.toString()}`, 'tar');
    expect(answer.status).toBe(200);
    const lines = answer.text
      .trim()
      .split('\r\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toEqual([
      { stream: ' ---> abababababab\n' },
      { aux: { ID: IMAGE } },
      { stream: 'Successfully built abababababab\n' },
      { stream: 'Successfully tagged web:1\n' },
    ]);
    expect(requests).toMatchObject([
      {
        context: { kind: 'tar' },
        dockerfile: 'D.x',
        tags: ['web:1'],
        buildArgs: { A: '1', B: undefined },
        labels: { l: 'v' },
        target: 'final',
        noCache: true,
        pull: false,
        network: 'default',
        hostCa: { path: '/ca.pem' },
        proxies: { http_proxy: 'http://p' },
        shmSizeBytes: undefined,
      },
    ]);
  });

  test('quiet answers the ID alone; a failure before the first line has a status', async () => {
    await using served = await serveBuilder([]);
    expect((await served.ask('POST', '/build?q=1')).text).toBe(`{"stream":"${IMAGE}\\n"}\r\n`);
    const failed = await served.ask('POST', '/build?target=broken', 'x'.repeat(1_000_000));
    expect(failed.status).toBe(500);
    expect(failed.text).toContain('no such stage');
  });

  test('every option becomes a field of the request', async () => {
    const requests: BuildRequest[] = [];
    await using served = await serveBuilder(requests);
    const query = new URLSearchParams({
      remote: 'https://example.com/x.git#main',
      memory: '5000000',
      memswap: '-1',
      cpushares: '7',
      cpusetcpus: '0-1',
      cpuquota: '50000',
      cpuperiod: '100000',
      cgroupparent: '/c',
      ulimits: '[{"Name":"nofile","Soft":5,"Hard":-1}]',
      squash: '1',
      networkmode: 'mine',
      cachefrom: '["app:cache"]',
      shmsize: '1000',
      platform: 'linux/arm64',
      extrahosts: 'db:10.0.0.1',
    });
    await served.ask('POST', `/build?${query.toString()}`);
    expect(requests).toMatchObject([
      {
        context: { kind: 'remote', url: 'https://example.com/x.git#main' },
        limits: {
          memoryBytes: 5_000_000,
          memorySwapBytes: -1,
          cpuShares: 7,
          cpusetCpus: '0-1',
          cpuQuotaUs: 50_000,
          cpuPeriodUs: 100_000,
          cgroupParent: '/c',
          ulimits: [{ name: 'nofile', soft: 5, hard: -1 }],
        },
        squash: true,
        network: 'mine',
        cacheFrom: [{ kind: 'registry', reference: 'app:cache' }],
        shmSizeBytes: 1000,
        platforms: ['linux/arm64'],
        extraHosts: ['db:10.0.0.1'],
      },
    ]);
  });

  test('BuildKit without a session answers traces and the ID; with one it is told what to do', async () => {
    await using served = await serveBuilder([]);
    const answer = await served.ask('POST', '/build?version=2');
    const lines = answer.text
      .trim()
      .split('\r\n')
      .map((line) => JSON.parse(line) as { id?: string; aux?: unknown; stream?: string });
    expect(lines.filter(({ id }) => id !== 'moby.buildkit.trace')).toEqual([
      { id: 'moby.image.id', aux: { ID: IMAGE } },
      { stream: 'Successfully tagged web:1\n' },
    ]);
    expect(lines.some(({ id, aux }) => id === 'moby.buildkit.trace' && typeof aux === 'string')).toBe(true);
    expect((await served.ask('POST', '/build?version=2&q=1')).text).toBe(`{"stream":"${IMAGE}\\n"}\r\n`);
    const session = await served.ask('POST', '/build?version=2&session=x');
    expect([session.status, session.text]).toEqual([501, expect.stringContaining('DOCKER_BUILDKIT=0')]);
    expect((await served.ask('POST', '/build?version=3')).status).toBe(400);
  });

  test('a build is cancelled by the ID that its client gave it', async () => {
    const requests: BuildRequest[] = [];
    await using served = await serveParts({
      buildDefaults: { hostCa: undefined, proxies: {} },
      builder: async () => ({
        build: async (request: BuildRequest) => {
          requests.push(request);
          await once(request.signal ?? new EventTarget(), 'abort');
          throw request.signal?.reason;
        },
      }),
    });
    const building = served.ask('POST', '/build?buildid=b1');
    await expect.poll(() => requests.length).toBe(1);
    expect((await served.ask('POST', '/build/cancel?id=other')).status).toBe(200);
    expect(requests[0]?.signal?.aborted).toBe(false);
    expect((await served.ask('POST', '/build/cancel?id=b1')).status).toBe(200);
    expect((await building).status).not.toBe(200);
    expect((await served.ask('POST', '/build/cancel')).status).toBe(400);
  });

  test.each(['securityopt=["seccomp=x"]', 'isolation=hyperv', 'outputs=[{}]', 'networkmode=container:x'])(
    '%s is refused by name',
    async (query) => {
      await using served = await serveBuilder([]);
      const answer = await served.ask('POST', `/build?${query}`);
      expect(answer.status).toBe(501);
      expect(answer.text).toMatch(/not supported yet/);
    },
  );
});

test('POST /lade/v1/build answers events and a result', async () => {
  const requests: BuildRequest[] = [];
  await using served = await serveBuilder(requests);
  const answer = await served.ask('POST', '/lade/v1/build', '{"contextPath":"/src","tags":["web:1"]}');
  expect(JSON.parse(answer.text)).toEqual({ kind: 'result', result: RESULT });
  expect(requests).toMatchObject([{ context: { kind: 'directory', path: '/src' }, tags: ['web:1'] }]);
});

test('credentials of a build are found by the longest path, those of Docker Hub under its old address', () => {
  const find = authLookup(
    encodeAuthHeader({
      'https://index.docker.io/v1/': { username: 'hub' },
      'localhost:5000': { username: 'ann', password: 'p' },
      'localhost:5000/team': { username: 'team' },
    }),
  );
  expect(find('docker.io/library/alpine')).toMatchObject({ username: 'hub' });
  expect(find('localhost:5000/team/app')).toMatchObject({ username: 'team' });
  expect(find('localhost:5000/teams/app')).toMatchObject({ username: 'ann' });
  expect(find('docker.io')).toMatchObject({ username: 'hub' });
  expect(find('localhost:5000')).toMatchObject({ username: 'ann', password: 'p' });
  expect(find('ghcr.io')).toBeUndefined();
});
