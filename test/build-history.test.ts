/** What is remembered of builds: by `lade build` and by the docker CLI, failed and killed ones too, and what they keep. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busyboxArchive, LADE, startMachine, startRegistry, type Machine } from './support/lade.ts';
import { mustRun, run } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
let machine: Machine;
const lade = async (...args: string[]): Promise<string> => (await machine.lade(...args)).stdout.trim();

interface Step {
  readonly name: string;
  readonly state: string;
  readonly reasons: readonly { readonly kind: string }[];
}

const project = (name: string, dockerfile: string): string => {
  const path = scratch.join(name);
  mkdirSync(path);
  writeFileSync(`${path}/Dockerfile`, dockerfile);
  writeFileSync(`${path}/f`, name);
  return path;
};

beforeAll(async () => {
  machine = await startMachine(scratch);
  await lade('import', await busyboxArchive(scratch), 'test/busybox');
});

afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

describe('history', () => {
  test('lists builds, shows their logs in full, and explains them later', async () => {
    const path = project('web', 'FROM test/busybox\nARG A=1\nCOPY f /f\nRUN echo "a is $A"; seq 1 3000\n');
    await lade('build', '-q', '-t', 'web:1', path);
    const built = (await machine.lade('build', '--progress=plain', '--build-arg', 'A=2', '-t', 'web:1', path))
      .stderr;
    expect(built).toContain('a is 2');
    const [newest = '', older = ''] = (await lade('builder', 'history', '-q')).split('\n');
    expect(await lade('builder', 'history', 'ls', '--format', '{{.Name}} {{.Status}} {{.Cached}}')).toBe(
      'web:1 done 1/4\nweb:1 done 0/4',
    );
    expect(await lade('builder', 'history', '--filter', 'status=failed', '-q')).toBe('');
    const log = await lade('builder', 'logs', older.slice(0, 8));
    expect(log).toContain('a is 1');
    expect(log.match(/^#\d+ [\d.]+ \d+$/gm)).toHaveLength(3000);
    const explained = JSON.parse(await lade('explain', '--format', 'json', newest)) as readonly Step[];
    expect(explained.map(({ state }) => state)).toEqual(['done', 'done', 'cached', 'done']);
    expect(explained.at(-1)?.reasons).toEqual([
      { kind: 'variable-changed', name: 'A', before: '1', after: '2' },
    ]);
    expect(await lade('explain')).toContain('because A was "1" and is "2"');
    expect(await lade('builder', 'history', 'inspect', '--format', '{{.status}} {{.context}}')).toBe(
      `done ${path}`,
    );
    expect(await lade('builder', 'history', 'rm', older)).toBe(older);
    expect((await machine.tryLade(['builder', 'logs', older])).stderr).toContain('there is no build');
  }, 60_000);

  test('who reads a log slowly gets all of it', async () => {
    await lade('build', '-q', project('long', 'FROM test/busybox\nRUN seq 1 30000\n'));
    const slowly = await mustRun('sh', ['-c', '"$0" builder logs | (sleep 2; grep -c " [0-9]*$")', LADE], {
      env: { ...process.env, LADE_HOST: `unix://${machine.socket}` },
    });
    expect(Number(slowly.stdout)).toBeGreaterThanOrEqual(30_000);
  }, 60_000);

  test('builds of the docker CLI and failed ones are there too', async () => {
    const path = project('broken', 'FROM test/busybox\nRUN echo before the end; exit 7\n');
    expect((await machine.tryDocker(['build', '-t', 'broken:1', path])).code).not.toBe(0);
    expect(
      await lade('builder', 'history', '-n', '1', '--format', '{{.Name}} {{.Status}} {{.Context}}'),
    ).toBe('broken:1 failed -');
    const log = await lade('builder', 'logs');
    expect(log).toContain('before the end');
    expect(log).toContain('exit code: 7');
  }, 60_000);

  test('a killed daemon leaves the build as interrupted, with its log to the last line', async () => {
    const copies = async (): Promise<number> =>
      (await lade('builder', 'du', '--no-trunc', '--format', '{{.Description}}'))
        .split('\n')
        .filter((description) => description === 'COPY f /f').length;
    const before = await copies();
    const path = project('killed', 'FROM test/busybox\nCOPY f /f\nRUN echo last words; sleep 600\n');
    const building = run(LADE, ['build', '-q', '-t', 'killed:1', path], {
      env: { ...process.env, LADE_HOST: `unix://${machine.socket}` },
    });
    await expect.poll(() => lade('builder', 'logs'), { timeout: 30_000 }).toContain('last words');
    // RUN does not wait until the result of COPY is recorded.
    await expect.poll(copies, { timeout: 30_000 }).toBe(before + 1);
    const followed = machine.tryLade(['builder', 'logs', '-f']);
    await machine.restart('SIGKILL');
    await Promise.all([building, followed]);
    expect(await lade('builder', 'history', '-n', '1', '--format', '{{.Name}} {{.Status}}')).toBe(
      'killed:1 interrupted',
    );
    expect(await lade('builder', 'logs')).toContain('last words');
    expect(await lade('explain')).toContain('unfinished');
    // What was done before is taken from the cache.
    const again = project('again', 'FROM test/busybox\nCOPY f /f\nRUN echo last words\n');
    writeFileSync(`${again}/f`, 'killed');
    expect((await machine.lade('build', '--progress=plain', again)).stderr).toContain('CACHED');
  }, 90_000);
});

describe('what builds keep', () => {
  test('du, docker system df and prune agree', async () => {
    const path = project(
      'kept',
      'FROM test/busybox AS a\nCOPY f /only\nRUN head -c 200000 /dev/urandom > /r\nFROM test/busybox\nCOPY --from=a /only /o\n',
    );
    await lade('build', '-q', '-t', 'kept:1', path);
    const rows = (
      await lade('builder', 'du', '--no-trunc', '--format', '{{.Type}} {{.Shared}} {{.Description}}')
    ).split('\n');
    expect(rows.filter((row) => row.startsWith('regular'))).toContain('regular true COPY --from=a /only /o');
    const cache = JSON.parse(
      await lade('system', 'df', '-v', '--format', '{{json .BuildCache}}'),
    ) as readonly { ID: string }[];
    const listed = await lade('builder', 'du', '--format', '{{.ID}}', '--filter', 'type=regular');
    expect(cache.length).toBe(listed.split('\n').length);
    const pruned = await lade('builder', 'prune', '-f', '--filter', 'description=/dev/urandom');
    expect(pruned).toMatch(/Total:\t20\dkB|Total:\t2\d\d(\.\d+)?kB/);
    // What only made what is cached is not made again.
    expect(await lade('build', '-q', path)).toMatch(/^sha256:/);
    expect(await lade('explain')).not.toContain('miss');
    await lade('builder', 'prune', '-af');
    expect(await lade('builder', 'du', '--format', '{{.ID}}', '--filter', 'type=regular')).toBe('');
    await lade('build', '-q', path);
    expect(await lade('explain')).toContain('its result was removed from the cache');
    expect((await machine.tryLade(['builder', 'du', '--filter', 'nothing=x'])).code).not.toBe(0);
    expect((await machine.docker('builder', 'prune', '-af')).stdout).toContain('Total');
  }, 90_000);

  test('a cache that one daemon wrote serves another', async () => {
    const other = scratch.child('o');
    await using second = await startMachine(other);
    // The same base: an import of its own would have another time.
    await lade('save', '-o', other.join('base.tar'), 'test/busybox');
    await second.lade('load', '-q', '-i', other.join('base.tar'));
    const path = project(
      'moved',
      'FROM test/busybox\nCOPY f /f\nRUN cat /proc/sys/kernel/random/uuid > /when\n',
    );
    const place = scratch.join('moved-cache');
    await lade('build', '-q', '-t', 'moved:1', '--cache-to', `type=local,dest=${place},mode=max`, path);
    expect(existsSync(`${place}/index.json`)).toBe(true);
    const id = await lade('image', 'inspect', '--format', '{{.Id}}', 'moved:1');
    await second.lade('build', '-q', '-t', 'moved:1', '--cache-from', `type=local,src=${place}`, path);
    const theirs = (await second.lade('image', 'inspect', '--format', '{{.Id}}', 'moved:1')).stdout.trim();
    expect(theirs).toBe(id);
    // It is an OCI artifact that other tools take along.
    await using registry = await startRegistry(scratch.join('registry'));
    const copied = `${registry.address}/caches/web:main`;
    await mustRun('skopeo', ['copy', '--dest-tls-verify=false', `oci:${place}`, `docker://${copied}`]);
    await second.lade('builder', 'prune', '-af');
    await second.lade('build', '-q', '-t', 'moved:2', '--cache-from', copied, path);
    expect(await second.lade('explain').then(({ stdout }) => stdout)).not.toContain('miss');
    expect((await second.lade('image', 'inspect', '--format', '{{.Id}}', 'moved:2')).stdout.trim()).toBe(id);
    expect((await second.lade('builder', 'du', '--filter', 'type=regular')).stdout).toContain('COPY f /f');
  }, 90_000);
});
