import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { chooseCapabilities, DEFAULT_CAPABILITIES } from './capabilities.ts';
import { parseLimits } from './host-facts.ts';
import { rlimitWarnings } from './rlimits.ts';
import { defaultSeccompProfile } from './seccomp-default.ts';
import { compileSeccomp } from './seccomp.ts';
import { sampleHost } from './testing.ts';
import { encodeSpec, toRuntimeSpec } from './to-runtime-spec.ts';
import type { SpecInput } from './types.ts';
import { findContainerUser } from './users.ts';

const input = (extra: Partial<SpecInput> = {}): SpecInput => ({
  id: 'abc',
  rootfs: '/r',
  hostname: 'h',
  process: { args: ['true'], env: ['A=1', 'PATH=/x', 'A=2', 'TERM'], terminal: true },
  ...extra,
});

const SPEC_PROFILE = new URL('../../../../shared/spec/seccomp-default.json', import.meta.url);

describe('toRuntimeSpec', () => {
  test('of a plain container is Docker’s', async () => {
    const { linux, ...rest } = toRuntimeSpec(input(), sampleHost);
    const { seccomp, ...plainLinux } = linux;
    await expect(JSON.stringify({ ...rest, linux: plainLinux }, null, 2)).toMatchFileSnapshot(
      './golden/plain.golden',
    );
    expect(seccomp?.architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
    const without = toRuntimeSpec(input(), { ...sampleHost, x32: false }).linux.seccomp;
    expect(without?.architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
  });

  test('of a container that says everything', async () => {
    const spec = toRuntimeSpec(
      input({
        process: {
          args: ['sh'],
          env: [],
          cwd: '/w',
          user: { uid: 1000, gid: 50, additionalGids: [50], home: '/home' },
        },
        readonlyRootfs: true,
        domainname: 'd',
        network: { kind: 'path', path: '/run/ns' },
        pid: 'host',
        ipc: 'host',
        mounts: [
          { kind: 'bind', source: '/s/deep', target: '/a/b/c', readonly: true },
          { kind: 'bind', source: '/s', target: '/a', propagation: 'rslave' },
          { kind: 'tmpfs', target: '/t', options: ['exec', 'size=1m'] },
          { kind: 'bind', source: '/d', target: '/dev/shm' },
        ],
        capAdd: ['net_admin', 'CAP_SYS_ADMIN'],
        capDrop: ['KILL'],
        noNewPrivileges: true,
        seccomp: { kind: 'unconfined' },
        rlimits: [{ name: 'nofile', soft: -1, hard: -1 }],
        resources: { memoryBytes: 1024, memorySwapBytes: -1, nanoCpus: 1.5e9, cpuShares: 512, pids: 9 },
        devices: [
          {
            path: '/dev/fuse',
            pathInContainer: '/dev/fuse',
            permissions: 'rw',
            type: 'c',
            major: 10,
            minor: 229,
            fileMode: 0o666,
          },
        ],
        sysctls: { 'net.core.somaxconn': '1' },
        oomScoreAdj: 5,
      }),
      sampleHost,
    );
    await expect(JSON.stringify(spec, null, 2)).toMatchFileSnapshot('./golden/full.golden');
  });

  test('of a privileged one hides and forbids nothing', () => {
    const spec = toRuntimeSpec(input({ privileged: true }), sampleHost);
    expect(spec.linux.seccomp).toBeUndefined();
    expect(spec.linux.maskedPaths).toEqual([]);
    expect(spec.linux.resources.devices).toEqual([{ allow: true, access: 'rwm' }]);
    expect(spec.process.capabilities.bounding).toEqual(
      chooseCapabilities({ privileged: true }, sampleHost.capabilities),
    );
    expect(spec.mounts.find(({ destination }) => destination === '/sys')?.options).toContain('rw');
  });

  test('writes an unlimited limit exactly and clamps with a warning', () => {
    const limits = [{ name: 'core', soft: -1, hard: -1 }];
    expect(encodeSpec(toRuntimeSpec(input({ rlimits: limits }), sampleHost))).toContain(
      '"soft":18446744073709551615,"hard":18446744073709551615',
    );
    expect(rlimitWarnings(limits, sampleHost)).toEqual([]);
    expect(rlimitWarnings([{ name: 'nofile', soft: 1, hard: 30_000 }], sampleHost)).toEqual([
      "ulimit nofile=30000 is above this machine's hard limit; 20000 is used",
    ]);
    expect(() => toRuntimeSpec(input({ rlimits: [{ name: 'x', soft: 1, hard: 1 }] }), sampleHost)).toThrow(
      'invalid ulimit type: x',
    );
  });
});

describe('capabilities', () => {
  const all = [...sampleHost.capabilities];
  test.each([
    [{}, all.filter((name) => DEFAULT_CAPABILITIES.includes(name))],
    [{ drop: ['ALL'], add: ['chown'] }, ['CAP_CHOWN']],
    [{ add: ['ALL'], drop: ['CAP_SYS_ADMIN'] }, all.filter((name) => name !== 'CAP_SYS_ADMIN')],
    [{ privileged: true, drop: ['ALL'] }, all],
  ])('%j', (choice, expected) => {
    expect(chooseCapabilities(choice, all).toSorted()).toEqual(expected.toSorted());
  });

  test('an unknown one is refused', () => {
    expect(() => chooseCapabilities({ add: ['FLY'] }, all)).toThrow('invalid capability: FLY');
  });
});

describe('the default seccomp profile', () => {
  test.skipIf(!existsSync(SPEC_PROFILE))('has the facts of the public one (needs ../shared/spec)', () => {
    const published = JSON.parse(readFileSync(SPEC_PROFILE, 'utf8')) as typeof defaultSeccompProfile;
    const canonical = (profile: typeof defaultSeccompProfile): unknown => ({
      defaultAction: profile.defaultAction,
      defaultErrnoRet: profile.defaultErrnoRet,
      archMap: (profile.archMap ?? []).map((row) => [row.architecture, row.subArchitectures ?? []]),
      syscalls: profile.syscalls.map((rule) => ({
        names: rule.names.toSorted(),
        action: rule.action,
        errnoRet: rule.errnoRet,
        args: rule.args?.map((arg) => [arg.index, arg.value, arg.valueTwo ?? 0, arg.op]) ?? [],
        includes: rule.includes ?? {},
        excludes: rule.excludes ?? {},
      })),
    });
    expect(canonical(defaultSeccompProfile)).toEqual(canonical(published));
  });

  const allowed = (name: string, capabilities: readonly string[], architecture = 'amd64'): boolean =>
    compileSeccomp(defaultSeccompProfile, {
      capabilities,
      host: { architecture, kernel: { major: 6, minor: 1 }, x32: true },
    }).syscalls.some((rule) => rule.names.includes(name) && rule.action === 'SCMP_ACT_ALLOW');

  test('opens what a capability needs, on the right architecture and kernel', () => {
    expect(allowed('mount', [])).toBe(false);
    expect(allowed('mount', ['CAP_SYS_ADMIN'])).toBe(true);
    expect(allowed('arch_prctl', [])).toBe(true);
    expect(allowed('arch_prctl', [], 'arm64')).toBe(false);
    expect(allowed('ptrace', [])).toBe(true);
    const old = compileSeccomp(defaultSeccompProfile, {
      capabilities: [],
      host: { architecture: 'amd64', kernel: { major: 4, minor: 7 }, x32: true },
    });
    expect(old.syscalls.some((rule) => rule.names.includes('ptrace'))).toBe(false);
  });
});

describe('users', () => {
  const files = {
    passwd: '# c\nroot:x:0:0:root:/root:/bin/sh\nnode:x:1000:100::/home/node:\n1001:x:5:5::/odd:\nbad:x:y\n',
    group: 'root:x:0:\nusers:x:100:\nstaff:x:50:node,x\n',
  };
  test.each([
    ['', { uid: 0, gid: 0, additionalGids: [0], home: '/root' }],
    ['node', { uid: 1000, gid: 100, additionalGids: [100, 50], home: '/home/node' }],
    ['1000', { uid: 1000, gid: 100, additionalGids: [100, 50], home: '/home/node' }],
    ['node:staff', { uid: 1000, gid: 50, additionalGids: [50], home: '/home/node' }],
    ['77:88', { uid: 77, gid: 88, additionalGids: [88], home: '/' }],
    ['77', { uid: 77, gid: 0, additionalGids: [0], home: '/' }],
    [':staff', { uid: 0, gid: 50, additionalGids: [50], home: '/root' }],
  ])('%j', (wanted, expected) => {
    expect(findContainerUser(files, wanted)).toEqual(expected);
  });

  test('unknown names are refused; added groups count', () => {
    expect(() => findContainerUser(files, 'nobody')).toThrow('unable to find user nobody');
    expect(() => findContainerUser(files, 'root:none')).toThrow('unable to find group none');
    expect(findContainerUser(files, 'root', ['staff', '7']).additionalGids).toEqual([0, 50, 7]);
  });
});

test('limits of /proc/self/limits', () => {
  const text =
    'Limit  Soft Hard Units\nMax open files            1024                 4096                 files\nMax cpu time              unlimited            unlimited            seconds\n';
  expect(parseLimits(text)).toMatchObject({ nofile: 4096, cpu: undefined });
});
