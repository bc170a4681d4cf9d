import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cgroupsByController, destroyGroups, isFrozen, processesIn, statsOf } from './cgroup.ts';
import { readStateFile } from './state-file.ts';
import { creationFailure, messageOf, processFailure } from './oci-program.ts';
import { runtimeErrors } from './errors.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cgroup-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const write = (path: string, text: string): void => {
  mkdirSync(join(directory, path, '..'), { recursive: true });
  writeFileSync(join(directory, path), text);
};

describe('control groups, version 2 (files as a kernel shows them)', () => {
  test('are read', () => {
    write(
      'cpu.stat',
      'usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 4\nnr_throttled 1\nthrottled_usec 7\n',
    );
    write('memory.current', '1048576\n');
    write('memory.max', 'max\n');
    write('memory.stat', 'anon 10\nfile 20\ninactive_file 5\n');
    write('pids.current', '3\n');
    write('pids.max', '50\n');
    write('io.stat', '8:0 rbytes=100 wbytes=200 rios=1 wios=2 dbytes=0 dios=0\n');
    write('cgroup.procs', '12\n13\n');
    write('cgroup.freeze', '1\n');
    const groups = cgroupsByController([directory], 'v2');
    expect(statsOf(groups)).toMatchObject({
      cpu: { totalNs: 5_000_000, userNs: 3_000_000, systemNs: 2_000_000, periods: 4, throttledNs: 7000 },
      memory: { usageBytes: 1_048_576, limitBytes: undefined, stats: { inactive_file: 5 } },
      pids: { current: 3, limit: 50 },
      blockIo: [
        { major: 8, minor: 0, op: 'read', bytes: 100 },
        { major: 8, minor: 0, op: 'write', bytes: 200 },
      ],
    });
    expect(processesIn(groups)).toEqual([12, 13]);
    expect(isFrozen(groups)).toBe(true);
  });
});

describe('control groups, version 1', () => {
  test('are told apart by their hierarchy', () => {
    const groups = cgroupsByController(
      ['/sys/fs/cgroup/cpu,cpuacct/lade/x', '/sys/fs/cgroup/memory/lade/x', '/sys/fs/cgroup/unified/lade/x'],
      'v1',
    );
    expect(groups).toEqual({
      cpu: '/sys/fs/cgroup/cpu,cpuacct/lade/x',
      cpuacct: '/sys/fs/cgroup/cpu,cpuacct/lade/x',
      memory: '/sys/fs/cgroup/memory/lade/x',
      unified: '/sys/fs/cgroup/unified/lade/x',
    });
  });

  test('removal of what is gone already is no error', async () => {
    await destroyGroups([join(directory, 'none')], 'v1');
  });
});

describe('the state that a runtime keeps', () => {
  test('is read in the form of runc and of crun', () => {
    expect(readStateFile(directory)).toBeUndefined();
    write('status', JSON.stringify({ pid: 7, 'process-start-time': 99, 'cgroup-path': '/lade/x' }));
    expect(readStateFile(directory)).toEqual({
      pid: 7,
      startTime: '99',
      cgroupPaths: ['/sys/fs/cgroup/lade/x'],
    });
    write(
      'state.json',
      JSON.stringify({ init_process_pid: 8, cgroup_paths: { cpu: '/a', cpuacct: '/a', x: '' } }),
    );
    expect(readStateFile(directory)).toEqual({ pid: 8, startTime: undefined, cgroupPaths: ['/a'] });
  });
});

describe('what the runtime says', () => {
  test.each([
    [
      'time="t" level=error msg="runc create failed: exec: \\"x\\": executable file not found in $PATH"\n',
      'runc create failed: exec: "x": executable file not found in $PATH',
    ],
    ['{"level":"error","msg":"a \\"b\\"","time":"t"}\n', 'a "b"'],
    ['plain words\n', 'plain words'],
    ['', ''],
  ])('%j', (text, expected) => {
    expect(messageOf(text)).toBe(expected);
  });

  test('becomes an error that says whether the command is missing', () => {
    const of = (message: string) =>
      processFailure('id', `level=error msg=${JSON.stringify(message)}`, runtimeErrors.createFailed).code;
    expect(of('unable to start container process: exec: "x": executable file not found in $PATH')).toBe(
      runtimeErrors.commandNotFound.code,
    );
    expect(of('unable to start container process: exec: "/etc": permission denied')).toBe(
      runtimeErrors.commandNotExecutable.code,
    );
    expect(
      creationFailure({ name: 'crun' }, 'id', 'cgroups in hybrid mode not supported, drop all').code,
    ).toBe(runtimeErrors.runtimeUnusable.code);
    expect(of('error mounting "/x": no such file or directory')).toBe(runtimeErrors.createFailed.code);
  });
});
