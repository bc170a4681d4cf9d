import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runLade, runProgram, startFakeDaemon, type FakeDaemon } from './testing.ts';

/** The second opinion: docker's own command line against the same daemon. */
const docker = spawnSync('docker', ['--version'], { encoding: 'utf8' });
const version = /version (\d+)\./.exec(docker.stdout ?? '')?.[1];
const hasDocker = Number(version ?? 0) >= 25;

const started = Math.trunc(Date.now() / 1000) - 7300;

const container = {
  Id: 'c0ffee'.repeat(10) + 'abcd',
  Names: ['/web', '/other/alias'],
  Image: 'shop/web:1.0',
  ImageID: `sha256:${'ab'.repeat(32)}`,
  Command: 'sh -c \'echo "a long command line with quotes"\n\'',
  Created: 1_700_000_000,
  Ports: [
    { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { IP: '::', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { IP: '0.0.0.0', PrivatePort: 9000, PublicPort: 9000, Type: 'tcp' },
    { IP: '0.0.0.0', PrivatePort: 9001, PublicPort: 9001, Type: 'tcp' },
    { PrivatePort: 53, Type: 'udp' },
  ],
  Labels: { b: '2', 'com.x.some-name': 'v' },
  State: 'running',
  Status: 'Up 3 hours (healthy)',
  SizeRw: 12_345,
  SizeRootFs: 211_000_000,
  HostConfig: { NetworkMode: 'bridge' },
  NetworkSettings: { Networks: { bridge: {} } },
  Mounts: [
    {
      Type: 'volume',
      Name: 'a-volume-with-a-long-name',
      Source: '/v',
      Destination: '/d',
      Driver: 'local',
      RW: true,
    },
    { Type: 'bind', Source: '/tmp', Destination: '/t', RW: true },
  ],
};

const image = {
  Id: `sha256:${'ab'.repeat(32)}`,
  ParentId: '',
  RepoTags: ['localhost:5000/shop/web:1.0', 'localhost:5000/shop/web:latest'],
  RepoDigests: [`localhost:5000/shop/web@sha256:${'cd'.repeat(32)}`],
  Created: 1_700_000_000,
  Size: 211_234_567,
  SharedSize: -1,
  Labels: null,
  Containers: -1,
};
const dangling = {
  ...image,
  Id: `sha256:${'12'.repeat(32)}`,
  RepoTags: [],
  RepoDigests: [],
  Size: 0,
  SharedSize: 0,
  Containers: 2,
};
const digestOnly = { ...image, RepoTags: [], RepoDigests: [`gone@sha256:${'ef'.repeat(32)}`] };

const history = [
  {
    Id: image.Id,
    Created: 1_700_000_000,
    CreatedBy: 'RUN /bin/sh -c a\tlong & <odd> command that is cut somewhere',
    Tags: [],
    Size: 1234,
    Comment: 'c',
  },
  { Id: '<missing>', Created: 0, CreatedBy: '', Tags: null, Size: 0, Comment: '' },
];

const inspected = {
  Id: container.Id,
  Name: '/web',
  State: { Status: 'running', Running: true, ExitCode: 0 },
  Config: { Cmd: ['sh'], Labels: { a: 'b' }, Tty: false, Image: 'x' },
  HostConfig: { NetworkMode: 'bridge' },
  NetworkSettings: {
    Ports: {
      '80/tcp': [
        { HostIp: '0.0.0.0', HostPort: '8080' },
        { HostIp: '::', HostPort: '8080' },
      ],
      '81/tcp': null,
    },
  },
};

const network = {
  Name: 'net',
  Id: 'ab'.repeat(32),
  Created: '2026-01-02T03:04:05.678Z',
  Scope: 'local',
  Driver: 'bridge',
  EnableIPv4: true,
  EnableIPv6: false,
  Internal: true,
  Labels: { x: 'y' },
};

const volume = {
  Name: 'data',
  Driver: 'local',
  Mountpoint: '/m',
  Labels: { a: 'b' },
  Options: null,
  Scope: 'local',
  CreatedAt: '2026-01-02T03:04:05Z',
  UsageData: { Size: 12_345, RefCount: 1 },
};

const frame = (stream: number, text: string): Buffer => {
  const head = Buffer.alloc(8);
  head.writeUInt8(stream, 0);
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

let daemon: FakeDaemon;
beforeAll(async () => {
  daemon = await startFakeDaemon({
    routes: {
      'GET /containers/json': () => [
        container,
        {
          ...container,
          Id: 'f'.repeat(64),
          Names: ['/b'],
          Image: image.Id,
          Ports: [],
          Mounts: [],
          Labels: {},
          Command: 'x',
          Created: started,
        },
      ],
      'GET /images/json': () => [image, dangling, digestOnly],
      'GET /images/web/history': () => history,
      'GET /containers/web/json': () => inspected,
      [`GET /containers/${container.Id}/json`]: () => inspected,
      'GET /containers/web/changes': () => [
        { Path: '/a', Kind: 0 },
        { Path: '/b\u001B', Kind: 1 },
        { Path: '/c', Kind: 2 },
      ],
      'GET /containers/web/top': () => ({
        Titles: ['PID', 'CMD'],
        Processes: [
          ['1', 'sh -c x'],
          ['23', 'sleep'],
        ],
      }),
      'GET /containers/web/logs': (_call, response) =>
        void response.end(Buffer.concat([frame(1, 'out\n'), frame(2, 'err\n')])),
      [`GET /containers/${container.Id}/logs`]: (_call, response) =>
        void response.end(Buffer.concat([frame(1, 'out\n'), frame(2, 'err\n')])),
      'GET /networks': () => [network, { ...network, Name: 'another' }],
      'GET /networks/net': () => network,
      'GET /volumes': () => ({ Volumes: [volume], Warnings: null }),
      'GET /volumes/data': () => volume,
      'GET /system/df': () => ({
        LayersSize: 211_234_567,
        Images: [{ ...image, SharedSize: 1000, Containers: 1 }],
        Containers: [container, { ...container, State: 'exited' }],
        Volumes: [volume, { ...volume, Name: 'idle', UsageData: { Size: 1000, RefCount: 0 } }],
        BuildCache: [],
      }),
      'POST /containers/web/stop': (_call, response) => void response.writeHead(204).end(),
      'DELETE /images/web': () => [{ Untagged: 'web:latest' }, { Deleted: image.Id }],
      'POST /containers/web/wait': () => ({ StatusCode: 3 }),
    },
  });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

const runDocker = (args: readonly string[]) =>
  runProgram(['docker', ...args], {
    env: { ...process.env, DOCKER_HOST: daemon.address, DOCKER_CONFIG: daemon.folder, TZ: 'UTC' },
  });

const SAME: readonly (readonly string[])[] = [
  ['ps'],
  ['ps', '-a', '--no-trunc'],
  ['ps', '-aq'],
  ['ps', '-s'],
  ['ps', '--format', 'json'],
  ['ps', '--format', '{{.Names}}: {{.Label "b"}} {{.Size}} {{.LocalVolumes}}'],
  [
    'ps',
    '--format',
    'table {{.Names}}\\t{{.Label "com.x.some-name"}}\\t{{.Mounts}}\\t{{.Networks}}\\t{{upper .State}}',
  ],
  ['ps', '--format', '{{json .Ports}}'],
  ['container', 'ls', '-n', '1', '--filter', 'status=running'],
  ['images'],
  ['images', '--digests'],
  ['images', '-q', '--no-trunc'],
  ['images', '--format', 'json'],
  ['images', '--format', '{{.Repository}}:{{.Tag}} {{.Digest}} {{.CreatedAt}}'],
  ['history', 'web'],
  ['history', '-q', 'web'],
  ['history', '--no-trunc', '--human=false', 'web'],
  ['history', '--format', 'json', 'web'],
  ['network', 'ls'],
  ['network', 'ls', '--format', 'json'],
  ['volume', 'ls'],
  ['volume', 'ls', '--format', 'json'],
  ['system', 'df'],
  ['system', 'df', '--format', 'json'],
  ['system', 'df', '-v'],
  ['inspect', 'web'],
  ['inspect', 'web', 'nope'],
  [
    'inspect',
    '-f',
    '{{.State.Status}} {{.Config.Labels.a}} {{.Config.Labels.b}} {{.HostConfig.Privileged}}',
    'web',
  ],
  ['inspect', '-f', '{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}', 'web'],
  [
    'inspect',
    '-f',
    '{{range $p, $c := .NetworkSettings.Ports}}{{$p}}{{range $c}} {{.HostPort}}{{end}};{{end}}',
    'web',
  ],
  ['inspect', '--type', 'volume', 'data'],
  ['network', 'inspect', '-f', '{{.Name}} {{.Internal}}', 'net'],
  ['port', 'web'],
  ['port', 'web', '80'],
  ['port', 'web', '99'],
  ['diff', 'web'],
  ['top', 'web'],
  ['logs', 'web'],
  ['stop', 'web'],
  ['stop', 'web', 'nope'],
  ['rmi', 'web'],
  ['wait', 'web'],
  ['rm', 'nope'],
  ['ps', '--nope'],
  ['ps', 'extra'],
  ['run'],
];

describe.skipIf(!hasDocker)(`docker ${version ?? ''} says the same (needs docker 25 or newer)`, () => {
  test.each(SAME.map((args) => [args.join(' '), args] as const))('%s', async (_name, args) => {
    const [theirs, ours] = [await runDocker(args), await runLade(daemon, args)];
    expect(ours.stdout).toBe(theirs.stdout);
    expect(ours.code).toBe(theirs.code);
    expect(ours.stderr === '').toBe(theirs.stderr === '');
  });
});

test('an error names what to do next, on stderr', async () => {
  const { code, stdout, stderr } = await runLade(daemon, ['pss']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toBe(
    "lade: unknown command: lade pss\ndid you mean 'lade ps'? Otherwise run 'lade --help' for more information\n",
  );
});
