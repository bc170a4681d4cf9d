import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseFlags } from '#console';
import { CONTAINER_FLAGS } from './container-flags.ts';
import { attachedStreams, containerRequest } from './container-request.ts';
import { parseMount, parseVolumes } from './mount-specs.ts';
import { parseNetwork } from './network-specs.ts';
import { parseExposed, parsePublished } from './port-specs.ts';
import { parseDevice, parseExtraHost, parseUlimit, readSecurityOption } from './host-specs.ts';
import { parseRestart } from './restart-policy.ts';
import { toTimestamp } from './timestamps.ts';
import { encodeFilters } from './filters.ts';
import { insidePath } from './container-archive.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lade-specs-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const request = (...argv: readonly string[]): unknown => {
  const { flags, args } = parseFlags(CONTAINER_FLAGS, argv, { command: 'lade run', interspersed: false });
  const [image = '', ...words] = args;
  const attached = attachedStreams(flags, false);
  const body = containerRequest(flags, { image, words, attached, consoleSize: undefined });
  return JSON.parse(JSON.stringify(body));
};

describe('ports', () => {
  test.each([
    [['80'], { '80/tcp': [{ HostIp: '', HostPort: '' }] }],
    [['8080:80/UDP'], { '80/udp': [{ HostIp: '', HostPort: '8080' }] }],
    [['127.0.0.1::80'], { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] }],
    [['[::1]:8080:80'], { '80/tcp': [{ HostIp: '::1', HostPort: '8080' }] }],
    [
      ['81-82:91-92'],
      { '91/tcp': [{ HostIp: '', HostPort: '81' }], '92/tcp': [{ HostIp: '', HostPort: '82' }] },
    ],
    [['8000-8010:80'], { '80/tcp': [{ HostIp: '', HostPort: '8000-8010' }] }],
    [
      ['1:80', '2:80'],
      {
        '80/tcp': [
          { HostIp: '', HostPort: '1' },
          { HostIp: '', HostPort: '2' },
        ],
      },
    ],
  ])('%j', (specs, expected) => expect(parsePublished(specs)).toEqual(expected));

  test.each(['', 'x', '80/http', '99999', '1-2:3-5', '5-3', '1:2:3:4x'])('%j is refused', (spec) =>
    expect(() => parsePublished([spec])).toThrow('invalid port specification'),
  );

  test('what is published is exposed', () => {
    expect(parseExposed(['90-91', '5/udp'], parsePublished(['80:8080']))).toEqual({
      '90/tcp': {},
      '91/tcp': {},
      '5/udp': {},
      '8080/tcp': {},
    });
  });
});

describe('mounts', () => {
  test.each([
    ['type=bind,source=/a,target=/b,readonly', { Type: 'bind', Source: '/a', Target: '/b', ReadOnly: true }],
    ['src=v,dst=/b,ro=false', { Type: 'volume', Source: 'v', Target: '/b', ReadOnly: false }],
    [
      'type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=1770',
      { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1_048_576, Mode: 0o1770 } },
    ],
    [
      'type=volume,source=v,target=/v,volume-nocopy,volume-opt=a=b,"volume-opt=o=x,y"',
      {
        Type: 'volume',
        Source: 'v',
        Target: '/v',
        VolumeOptions: { NoCopy: true, DriverConfig: { Options: { a: 'b', o: 'x,y' } } },
      },
    ],
    [
      'type=bind,src=/a,dst=/b,bind-propagation=rslave',
      { Type: 'bind', Source: '/a', Target: '/b', BindOptions: { Propagation: 'rslave' } },
    ],
  ])('%s', (spec, expected) => expect(parseMount(spec)).toEqual(expected));

  test.each(['type=bind,source=/a', 'target=/b,nope=1', 'target=/b,readonly=maybe'])(
    '%s is refused',
    (spec) => expect(() => parseMount(spec)).toThrow('invalid argument'),
  );

  test('volumes: named, anonymous, relative to here', () => {
    expect(parseVolumes(['data:/d:ro', '/anon', './x:/y', '/a:/b'])).toEqual({
      binds: ['data:/d:ro', `${process.cwd()}/x:/y`, '/a:/b'],
      anonymous: { '/anon': {} },
    });
  });
});

test('networks, hosts, limits, devices, restarts', () => {
  expect(parseNetwork('web')).toEqual({ name: 'web', endpoint: {} });
  expect(parseNetwork('name=web,alias=a,alias=b,ip=10.0.0.2')).toEqual({
    name: 'web',
    endpoint: { Aliases: ['a', 'b'], IPAMConfig: { IPv4Address: '10.0.0.2' } },
  });
  expect(() => parseNetwork('name=web,colour=red')).toThrow('invalid key colour');
  expect(parseExtraHost('db=[::1]')).toBe('db:::1');
  expect(parseExtraHost('db:10.0.0.1')).toBe('db:10.0.0.1');
  expect(parseUlimit('nofile=1:2')).toEqual({ Name: 'nofile', Soft: 1, Hard: 2 });
  expect(parseUlimit('core=-1')).toEqual({ Name: 'core', Soft: -1, Hard: -1 });
  expect(() => parseUlimit('nofile')).toThrow('invalid ulimit');
  expect(() => parseUlimit('nofile=-5')).toThrow('invalid ulimit argument: nofile=-5');
  expect(() => parseUlimit('nofile=5:1')).toThrow(
    'ulimit soft limit must be less than or equal to hard limit: 5 > 1',
  );
  expect(() => parseUlimit('nofile=-1:1')).toThrow('soft: -1 (unlimited), hard: 1');
  expect(parseDevice('/dev/a:rw')).toEqual({
    PathOnHost: '/dev/a',
    PathInContainer: '/dev/a',
    CgroupPermissions: 'rw',
  });
  expect(parseDevice('/dev/a:/dev/b:r')).toEqual({
    PathOnHost: '/dev/a',
    PathInContainer: '/dev/b',
    CgroupPermissions: 'r',
  });
  expect(parseRestart('on-failure:3')).toEqual({ Name: 'on-failure', MaximumRetryCount: 3 });
  expect(() => parseRestart('always:x')).toThrow('invalid restart policy');
});

test('a seccomp profile travels as its contents', () => {
  const path = join(folder, 'seccomp.json');
  writeFileSync(path, '{ "a": 1 }');
  expect(readSecurityOption(`seccomp=${path}`)).toBe('seccomp={"a":1}');
  expect(readSecurityOption('seccomp=unconfined')).toBe('seccomp=unconfined');
  expect(readSecurityOption('no-new-privileges')).toBe('no-new-privileges');
});

test('timestamps and filters', () => {
  expect(toTimestamp('1700000000.5')).toBe('1700000000.5');
  expect(toTimestamp('2026-01-02T03:04:05.6Z')).toBe('1767323045.600000000');
  expect(Number(toTimestamp('10s'))).toBeCloseTo(Date.now() / 1000 - 10, 0);
  expect(() => toTimestamp('yesterday')).toThrow('invalid time');
  expect(encodeFilters(['a=1', 'A=2', 'b=x=y'])).toBe('{"a":["1","2"],"b":["x=y"]}');
  expect(encodeFilters([])).toBeUndefined();
  expect(() => encodeFilters(['a'])).toThrow("invalid filter 'a'");
});

test('paths inside a container keep what their end means', () => {
  expect(['a/../b', '/x/', '/x/.', '.', '/', '/../..'].map(insidePath)).toEqual([
    '/b',
    '/x/',
    '/x/.',
    '/.',
    '/',
    '/',
  ]);
});

describe('the body of create', () => {
  test('holds only what was asked for', () => {
    expect(request('alpine')).toEqual({
      Image: 'alpine',
      Tty: false,
      OpenStdin: false,
      AttachStdin: false,
      AttachStdout: true,
      AttachStderr: true,
      HostConfig: { NetworkMode: 'default' },
    });
  });

  test('everything at once', () => {
    const file = join(folder, 'env');
    writeFileSync(file, '# comment\nA=file\n\nB=2\nLADE_SPECS_UNSET\n');
    const body = request(
      ...'-it --rm --name x -e A=flag -w /w -u 1:2 --hostname h -l k=v --memory 64m --cpus 1.5'.split(' '),
      ...'--cap-add NET_ADMIN --cap-drop ALL --privileged --read-only --tmpfs /t:size=1m --shm-size 1m'.split(
        ' ',
      ),
      ...'--ulimit nofile=5 --security-opt no-new-privileges --add-host a:1.2.3.4 --dns 1.1.1.1'.split(' '),
      ...'--stop-signal SIGINT --stop-timeout 3 --health-interval 5s --init --pids-limit 10'.split(' '),
      ...'--network net --network-alias al --entrypoint /e -v /a:/b -v /anon -P'.split(' '),
      '--health-cmd',
      'true x',
      '--env-file',
      file,
      'img',
      'cmd',
      '--flag',
    );
    expect(body).toMatchObject({
      Image: 'img',
      Cmd: ['cmd', '--flag'],
      Entrypoint: ['/e'],
      Env: ['A=flag', 'B=2'],
      StdinOnce: true,
      Healthcheck: { Test: ['CMD-SHELL', 'true x'], Interval: 5e9 },
      Volumes: { '/anon': {} },
      StopTimeout: 3,
      HostConfig: {
        AutoRemove: true,
        Binds: ['/a:/b'],
        Memory: 64 * 1024 ** 2,
        NanoCpus: 1.5e9,
        Tmpfs: { '/t': 'size=1m' },
        NetworkMode: 'net',
        Init: true,
        PublishAllPorts: true,
      },
      NetworkingConfig: { EndpointsConfig: { net: { Aliases: ['al'] } } },
    });
  });

  test('contradictions are refused', () => {
    expect(() => request('--rm', '--restart', 'always', 'x')).toThrow('--restart and --rm');
    expect(() => request('--no-healthcheck', '--health-retries', '1', 'x')).toThrow('--no-healthcheck');
    expect(() => request('--gpus', 'all', 'x')).toThrow('not supported yet');
    expect(() => request('-a', 'nowhere', 'x')).toThrow('valid streams');
    expect(() => request('--env-file', '/nonexistent', 'x')).toThrow('cannot read /nonexistent');
  });
});
