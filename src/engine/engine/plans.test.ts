import { describe, expect, test } from 'vitest';
import { databaseErrors } from '#database';
import { isBefore } from './filters.ts';
import { healthPlan, judge } from './health.ts';
import { mergeConfig } from './merge-config.ts';
import { parseBind, planMounts } from './mount-plan.ts';
import { generateName, isValidName } from './names.ts';
import { wantedNetworks } from './networking.ts';
import { portMapOf, portRequestsOf } from './published-ports.ts';
import { nextDelayMs, restarts } from './restart-policy.ts';
import { mergeLines } from './own-files.ts';
import type { ContainerRecord } from './record.ts';
import { parseSecurityOptions } from './security-options.ts';
import { signalNumber } from './signals.ts';
import { parseNetDev } from './stats.ts';
import { selectProcesses } from './top.ts';
import { withRoom } from './with-room.ts';

describe('mergeConfig', () => {
  const image = {
    Entrypoint: ['/entry'],
    Cmd: ['default'],
    Env: ['A=1', 'B=2'],
    User: 'u',
    Labels: { x: '1' },
  };
  test.each([
    [{}, ['/entry'], ['default']],
    [{ Cmd: ['own'] }, ['/entry'], ['own']],
    [{ Entrypoint: ['/own'] }, ['/own'], null],
    [{ Entrypoint: ['/own'], Cmd: ['c'] }, ['/own'], ['c']],
    [{ Entrypoint: [''], Cmd: ['c'] }, null, ['c']],
  ])('%j', (own, entrypoint, cmd) => {
    const merged = mergeConfig(own, image);
    expect(merged.Entrypoint).toEqual(entrypoint);
    expect(merged.Cmd).toEqual(cmd);
  });

  test('own values win, the rest comes from the image', () => {
    const merged = mergeConfig(
      { Env: ['B=own', 'C=3'], Labels: { y: '2' }, WorkingDir: '/w', Healthcheck: { Interval: 5 } },
      { ...image, Healthcheck: { Test: ['CMD', 't'], Interval: 1, Retries: 2 } },
    );
    expect(merged.Env).toEqual(['B=own', 'C=3', 'A=1']);
    expect(merged.Labels).toEqual({ x: '1', y: '2' });
    expect(merged).toMatchObject({ User: 'u', WorkingDir: '/w' });
    expect(merged.Healthcheck).toMatchObject({ Test: ['CMD', 't'], Interval: 5, Retries: 2 });
  });

  test('no command at all is refused', () => {
    expect(() => mergeConfig({}, {})).toThrow('no command specified');
    expect(() => mergeConfig({ Entrypoint: [''] }, image)).toThrow('no command specified');
  });
});

describe('mounts', () => {
  test.each([
    ['/a:/b', { kind: 'bind', source: '/a', target: '/b', readonly: false, createSource: true }],
    ['/a:/b/:ro,rslave', { kind: 'bind', target: '/b', readonly: true, propagation: 'rslave' }],
    ['name:/b:nocopy', { kind: 'volume', name: 'name', target: '/b', noCopy: true }],
  ])('%s', (spec, expected) => {
    expect(parseBind(spec)).toMatchObject(expected);
  });

  test.each(['/a', ':/b', '/a:b', '/a:/', '/a:/b:odd', 'x/y:/b', '/a:/b:ro:more'])(
    '%s is refused',
    (spec) => {
      expect(() => parseBind(spec)).toThrow();
    },
  );

  test('the configuration’s volumes give way; two at one place are refused', () => {
    const plan = planMounts(
      { Volumes: { '/a': {}, '/b/': {} } },
      { Binds: ['vv:/a'], Tmpfs: { '/t': 'size=1m' } },
      [{ kind: 'tmpfs', target: '/a', options: [] }],
    );
    expect(plan.map(({ kind, target }) => [kind, target])).toEqual([
      ['volume', '/a'],
      ['tmpfs', '/t'],
      ['volume', '/b'],
    ]);
    expect(() => planMounts({}, { Binds: ['vv:/a', 'ww:/a'] })).toThrow('Duplicate mount point: /a');
    expect(() => planMounts({}, { Mounts: [{ Type: 'image', Target: '/x' }] })).toThrow('not supported');
  });
});

describe('ports', () => {
  test('bindings, ranges, and every exposed port', () => {
    const config = { ExposedPorts: { '80/tcp': {}, '53/udp': {} } };
    expect(
      portRequestsOf(config, {
        PortBindings: {
          '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }, { HostPort: '9000-9010' }],
          '81/tcp': null,
        },
        PublishAllPorts: true,
      }),
    ).toEqual([
      { containerPort: 80, protocol: 'tcp', hostIp: '127.0.0.1', hostPort: 8080, hostPortEnd: undefined },
      { containerPort: 80, protocol: 'tcp', hostIp: undefined, hostPort: 9000, hostPortEnd: 9010 },
      { containerPort: 81, protocol: 'tcp', hostIp: undefined },
      { containerPort: 53, protocol: 'udp' },
    ]);
    expect(
      portMapOf(config, [{ containerPort: 80, protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 1 }]),
    ).toEqual({
      '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '1' }],
      '53/udp': null,
    });
  });

  test.each(['0/tcp', '70000', 'x', '80/sctp'])('%s is refused', (key) => {
    expect(() => portRequestsOf({}, { PortBindings: { [key]: [] } })).toThrow();
  });
});

test('wanted networks: the mode first', () => {
  const requests = { EndpointsConfig: { other: null, mine: { Aliases: ['a'] } } };
  expect(wantedNetworks({ NetworkMode: 'mine' }, requests)).toEqual({ mine: { Aliases: ['a'] }, other: {} });
  expect(wantedNetworks({}, undefined)).toEqual({ bridge: {} });
  expect(wantedNetworks({ NetworkMode: 'container:x' }, undefined)).toEqual({});
  expect(() => wantedNetworks({ NetworkMode: 'host' }, requests)).toThrow('conflicting options');
});

describe('health', () => {
  test('plan', () => {
    expect(healthPlan({ Test: ['CMD-SHELL', 'a b'], Timeout: 2e9 }, undefined)).toEqual({
      command: ['/bin/sh', '-c', 'a b'],
      intervalMs: 30_000,
      timeoutMs: 2000,
      startPeriodMs: 0,
      startIntervalMs: 5000,
      retries: 3,
    });
    expect(healthPlan({ Test: ['NONE'] }, undefined)).toBeUndefined();
    expect(healthPlan({ Test: ['CMD', 'a', 'b'] }, undefined)?.command).toEqual(['a', 'b']);
  });

  test('judgement', () => {
    const entry = (code: number) => ({ Start: '', End: '', ExitCode: code, Output: '' });
    const rules = { retries: 2, inStartPeriod: false };
    const starting = { Status: 'starting', FailingStreak: 0, Log: [] } as const;
    expect(judge(starting, entry(1), { ...rules, inStartPeriod: true })).toMatchObject({ FailingStreak: 0 });
    const once = judge(starting, entry(1), rules);
    expect(once).toMatchObject({ Status: 'starting', FailingStreak: 1 });
    const twice = judge(once, entry(1), rules);
    expect(twice).toMatchObject({ Status: 'unhealthy', FailingStreak: 2 });
    expect(judge(twice, entry(0), rules)).toMatchObject({ Status: 'healthy', FailingStreak: 0 });
    let many = twice;
    for (let index = 0; index < 9; index += 1) many = judge(many, entry(0), rules);
    expect(many.Log).toHaveLength(5);
  });
});

describe('restart policy', () => {
  const record = (name: string, extra: object = {}) =>
    ({
      hostConfig: { RestartPolicy: { Name: name, MaximumRetryCount: 2 } },
      restartCount: 0,
      stoppedByUser: false,
      ...extra,
    }) as unknown as ContainerRecord;
  test.each([
    ['no', 1, false, {}],
    ['always', 0, true, {}],
    ['always', 0, false, { stoppedByUser: true }],
    ['on-failure', 0, false, {}],
    ['on-failure', 1, true, {}],
    ['on-failure', 1, false, { restartCount: 2 }],
    ['unless-stopped', 0, true, {}],
  ])('%s after %i: %s', (name, code, expected, extra) => {
    expect(restarts(record(name, extra), code)).toBe(expected);
  });

  test('delays double up to a minute and begin again after a long run', () => {
    expect([undefined, 100, 40_000].map((before) => nextDelayMs(before, 0))).toEqual([100, 200, 60_000]);
    expect(nextDelayMs(40_000, 20_000)).toBe(100);
  });
});

test('signals by number and name', () => {
  expect(['9', 'KILL', 'sigterm', 'SIGRTMIN+3', 'RTMAX'].map(signalNumber)).toEqual([9, 9, 15, 37, 64]);
  for (const bad of ['0', '65', 'SIGFOO', 'RTMIN+99', ''])
    expect(() => signalNumber(bad)).toThrow('invalid signal');
});

test('security options', () => {
  expect(parseSecurityOptions(['no-new-privileges', 'seccomp=unconfined'])).toEqual({
    noNewPrivileges: true,
    seccomp: { kind: 'unconfined' },
    allPaths: false,
  });
  expect(parseSecurityOptions(['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']).seccomp).toEqual({
    kind: 'profile',
    profile: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [] },
  });
  expect(() => parseSecurityOptions(['seccomp={}'])).toThrow('Decoding seccomp profile failed');
  expect(() => parseSecurityOptions(['apparmor=mine'])).toThrow('not supported');
});

test('names', () => {
  const taken = new Set<string>();
  for (let index = 0; index < 200; index += 1) {
    const name = generateName((candidate) => taken.has(candidate));
    expect(isValidName(name)).toBe(true);
    taken.add(name);
  }
  expect(taken.size).toBe(200);
});

test('until', () => {
  const hour = Date.now() - 3_600_000;
  expect(isBefore(hour, ['30m'])).toBe(true);
  expect(isBefore(hour, ['2h'])).toBe(false);
  expect(isBefore(hour, [new Date().toISOString()])).toBe(true);
  expect(() => isBefore(hour, ['soon'])).toThrow('invalid filter');
});

test('ps and /proc/net/dev', () => {
  const ps = 'UID   PID  CMD\nroot    1  init\nroot   22  sleep 5 6\n';
  expect(selectProcesses(ps, [22])).toEqual({
    titles: ['UID', 'PID', 'CMD'],
    processes: [['root', '22', 'sleep 5 6']],
  });
  expect(() => selectProcesses('CMD\nx\n', [1])).toThrow("Couldn't find PID field");
  const dev =
    'Inter-|\n face |\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 10 2 3 4 0 0 0 0 20 6 7 8 0 0 0 0\n';
  expect(parseNetDev(dev)).toEqual({ eth0: { rx: [10, 2, 3, 4], tx: [20, 6, 7, 8] } });
});

test('a change of networks keeps the lines that a container wrote into its hosts file', () => {
  const [before, after] = ['1\tlocalhost\n2\tme\n', '1\tlocalhost\n3\tme\n4\tme\n'];
  expect(mergeLines('1\tlocalhost\n2\tme\n9\town\n', before, after)).toBe(
    '1\tlocalhost\n9\town\n3\tme\n4\tme\n',
  );
  expect(mergeLines('9\town', after, before)).toBe('9\town\n2\tme\n');
});

test('what a record stands for goes first where a full disk has no room to note its removal', async () => {
  const steps: string[] = [];
  const remove = async (): Promise<void> => {
    steps.push('record');
    if (!steps.includes('content')) throw databaseErrors.diskFull({ message: 'full' });
  };
  await withRoom(remove, async () => void steps.push('content'));
  expect(steps).toEqual(['record', 'content', 'record']);
  const other = new Error('other');
  const fail = (): Promise<never> => Promise.reject(other);
  await expect(withRoom(fail, async () => void steps.push('never'))).rejects.toBe(other);
  expect(steps).not.toContain('never');
});
