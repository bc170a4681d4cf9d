import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineErrors } from './errors.ts';
import { findInitProgram } from './init-program.ts';
import { IMAGE, openTestEngine, type TestEngine } from './testing.ts';
import type { Attachment } from './types.ts';
import type { ContainerConfig, HostConfig } from './wire-types.ts';

const isRoot = process.getuid?.() === 0;

let bench: TestEngine;
beforeAll(async () => {
  if (isRoot) bench = await openTestEngine();
});
afterAll(async () => {
  if (isRoot) await bench[Symbol.asyncDispose]();
});

const containers = () => bench.engine.containers;

const make = async (
  script: string,
  config: ContainerConfig = {},
  hostConfig: HostConfig = {},
): Promise<string> =>
  (
    await containers().create({
      config: { Image: IMAGE, Cmd: ['sh', '-c', script], StopTimeout: 1, ...config },
      hostConfig,
    })
  ).id;

const textOf = async ({ output }: Pick<Attachment, 'output'>): Promise<string> => {
  let text = '';
  for await (const { data } of output) text += data.toString();
  return text;
};

describe.skipIf(!isRoot)('containers that are taken hold of (needs root)', () => {
  test('stop and kill reach a paused one, which can then be started again', async () => {
    const id = await make('trap "exit 3" TERM; while :; do sleep 0.02; done');
    for (const end of [() => containers().stop(id, { timeoutSeconds: 0 }), () => containers().kill(id)]) {
      await containers().start(id);
      await containers().pause(id);
      await end();
      expect((await containers().inspect(id)).State).toMatchObject({ Status: 'exited', Pid: 0 });
      expect(await containers().start(id)).toBe(true);
      await containers().pause(id);
      await containers().unpause(id);
      await containers().stop(id, { timeoutSeconds: 0 });
    }
    await containers().remove(id);
  });

  test('attach with the log gives every byte once, whenever it comes', async () => {
    const id = await make('i=0; while [ $i -lt 400 ]; do echo $i; i=$((i+1)); done; sleep 0.3; echo end');
    const wanted = `${Array.from({ length: 400 }, (_, index) => `${index}\n`).join('')}end\n`;
    const all = { logs: true, stream: true };
    const lines = async (attachment: Attachment): Promise<string> => await textOf(attachment);
    const before = lines(await containers().attach(id, all));
    await containers().start(id);
    const during = await Promise.all(
      [0, 5, 20, 60].map(async (ms) => {
        await sleep(ms);
        return lines(await containers().attach(id, all));
      }),
    );
    expect([await before, ...during]).toEqual(Array.from({ length: 5 }, () => wanted));
    await containers().remove(id);
  });

  test('update changes limits of a running one, and what is not honoured is refused', async () => {
    const id = await make('while :; do sleep 1; done', {}, { Memory: 64 * 2 ** 20 });
    await containers().start(id);
    await containers().update(id, { Memory: 32 * 2 ** 20, PidsLimit: 77, CpuShares: 0 });
    await containers().update(id, { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } });
    const limits =
      'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max || cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max';
    const exec = await bench.engine.execs.create(id, { cmd: ['sh', '-c', limits], attachStdout: true });
    const attachment = await bench.engine.execs.start(exec.id);
    expect(attachment && (await textOf(attachment))).toBe('33554432\n77\n');
    expect((await containers().inspect(id)).HostConfig).toMatchObject({
      Memory: 33_554_432,
      PidsLimit: 77,
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 },
    });
    await expect(containers().update(id, { Memory: 1 })).rejects.toThrow('6MB');
    await expect(containers().update(id, JSON.parse('{"BlkioWeight":10}') as HostConfig)).rejects.toThrow(
      'HostConfig.BlkioWeight',
    );
    await containers().remove(id, { force: true });
  });

  test.skipIf(findInitProgram() === undefined)('--init runs the command below an init program', async () => {
    const id = await make('cat /proc/1/cmdline; echo; echo $$', {}, { Init: true });
    const text = textOf(await containers().attach(id, { stream: true }));
    await containers().start(id);
    expect(await text).toMatch(/docker-init\0--\0sh\0/);
    expect(await containers().changes(id)).toEqual([]);
    await containers().remove(id);
  });

  test('refuses by name what it does not honour', async () => {
    const refused = (hostConfig: object) => make('true', {}, hostConfig);
    await expect(refused({ BlkioWeight: 10 })).rejects.toThrow('HostConfig.BlkioWeight is not supported');
    await expect(refused({ Links: ['a:b'] })).rejects.toMatchObject({
      code: engineErrors.unsupportedOption.code,
    });
    await expect(refused({ NanoCpus: 1e15 })).rejects.toThrow('Range of CPUs is from 0.01 to');
    await expect(refused({ ExtraHosts: ['name only'] })).rejects.toThrow('bad format for add-host');
    await expect(make('true', { Hostname: 'two\nlines' })).rejects.toThrow('invalid hostname');
    await expect(make('true', { WorkingDir: 'rel' })).rejects.toThrow('needs to be an absolute path');
    const missing = { kind: 'invalid-argument', message: 'No such container: nobody' };
    await expect(refused({ NetworkMode: 'container:nobody' })).rejects.toMatchObject(missing);
    await expect(refused({ VolumesFrom: ['nobody'] })).rejects.toMatchObject(missing);
    await expect(make('true', { Hostname: 'own' }, { NetworkMode: 'container:nobody' })).rejects.toThrow(
      'conflicting options: hostname and the network mode',
    );
    await expect(refused({ LogConfig: { Type: 'syslog' } })).rejects.toThrow('the log driver syslog');
    await expect(refused({ Binds: ['/nosuch:relative'] })).rejects.toMatchObject({
      kind: 'invalid-argument',
    });
    await expect(refused({ Mounts: [{ Type: 'bind', Source: '/nosuch', Target: '/x' }] })).rejects.toThrow(
      'bind source path does not exist',
    );
    await expect(make('true', { Image: 'nosuch' })).rejects.toMatchObject({ kind: 'not-found' });
    expect(bench.layers.snapshots()).toEqual([]);
    expect(await containers().list({ all: true })).toEqual([]);
  });

  test('anonymous volumes go with a creation that fails, stay after rm, and a cut-off one is swept', async () => {
    const names = async (): Promise<readonly string[]> =>
      (await bench.engine.volumes.list()).map(({ Name: name }) => name);
    const Mounts = [
      { Type: 'volume', Target: '/v' },
      { Type: 'bind', Source: '/nosuch', Target: '/x' },
    ];
    await expect(make('true', {}, { Mounts })).rejects.toThrow('does not exist');
    expect(await names()).toEqual([]);
    const id = await make('true', { Volumes: { '/v': {} } });
    const kept = await names();
    await containers().remove(id);
    mkdirSync(join(bench.path, 'volumes', 'ghost', '_data'), { recursive: true });
    await bench.reopen();
    expect(await names()).toEqual(kept);
    expect(readdirSync(join(bench.path, 'volumes'))).toEqual(kept);
    await bench.engine.volumes.prune();
    expect(await names()).toEqual([]);
  });
});
