/** Pulls and pushes that are cut, and copies from registry to registry; bytes are counted on the way, skopeo judges. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDockerRegistry, type DockerRegistry } from './support/docker-registry.ts';
import { startGate, type Gate } from './support/gate.ts';
import { LADE, startRegistry, type Machine } from './support/lade.ts';
import { mustRun } from './support/process.ts';
import { raw, startRegistryBench, type Manifest, type RegistryBench } from './support/registry-bench.ts';
import type { Scratch } from './support/scratch.ts';

const MIB = 1024 * 1024;

let bench: RegistryBench;
let scratch: Scratch;
let stack: AsyncDisposableStack;
let plain: DockerRegistry;
let machine: Machine;

beforeAll(async () => {
  bench = await startRegistryBench();
  ({ scratch, stack, plain, machine } = bench);
});

afterAll(() => bench?.[Symbol.asyncDispose]());

describe('a pull that is cut', () => {
  let gate: Gate;
  let reference: string;
  let layers: Manifest['layers'];

  const largest = (): string => layers.toSorted((a, b) => b.size - a.size)[0]?.digest ?? '';

  beforeAll(async () => {
    const context: Scratch = scratch.child('large');
    for (const [name, size] of Object.entries({ a: 2, b: 3, c: 32 }))
      writeFileSync(context.join(name), randomBytes(size * MIB));
    writeFileSync(context.join('Dockerfile'), 'FROM scratch\nCOPY a /a\nCOPY b /b\nCOPY c /c\n');
    await machine.lade('build', '-q', '-t', `${plain.address}/large:v1`, context.path);
    await machine.lade('push', `${plain.address}/large:v1`);
    gate = stack.use(await startGate(plain.address));
    reference = `${gate.address}/large:v1`;
    layers = (JSON.parse(await raw(reference)) as Manifest).layers;
  });

  /** Whether the daemon has recorded a blob; its file is there a little earlier. */
  const isStored = (on: Machine, digest: string): boolean => {
    using database = new DatabaseSync(join(on.root, 'lade.db'), { readOnly: true });
    return database.prepare('SELECT 1 FROM blobs WHERE digest = ?').get(digest) !== undefined;
  };

  /** Bytes of the largest file that is being received. */
  const received = (on: Machine): number => {
    const ingest = join(on.root, 'ingest');
    return Math.max(0, ...readdirSync(ingest).map((name) => statSync(join(ingest, name)).size));
  };

  /** Begins a pull and resolves when the large layer is half there and the others are done. */
  const pullHalf = async (on: Machine) => {
    gate.forget();
    gate.hold(largest(), 16 * MIB);
    const child = spawn(LADE, ['pull', reference], {
      env: { ...process.env, LADE_HOST: `unix://${on.socket}` },
      stdio: 'ignore',
    });
    const ended = once(child, 'close') as Promise<[number | null]>;
    await gate.held();
    for (const { digest } of layers.filter((each) => each.digest !== largest()))
      await expect.poll(() => isStored(on, digest)).toBe(true);
    await expect.poll(() => received(on)).toBeGreaterThan(8 * MIB);
    return { child, ended };
  };

  const downloadsOf = (digest: string) => gate.downloads.filter((each) => each.digest === digest);

  const expectNothingTwice = (): void => {
    for (const { digest, size } of layers.filter((each) => each.digest !== largest()))
      expect(downloadsOf(digest)).toEqual([{ digest, start: 0, bytes: size }]);
    const [first, rest, ...more] = downloadsOf(largest());
    expect(more).toEqual([]);
    const size = layers.find(({ digest }) => digest === largest())?.size ?? 0;
    // What was on its way through sockets when the first one ended comes again.
    expect(rest?.start).toBeGreaterThan(8 * MIB);
    expect(rest?.start).toBeLessThanOrEqual(first?.bytes ?? 0);
    expect(rest?.bytes).toBe(size - (rest?.start ?? 0));
  };

  test('by SIGKILL of the daemon goes on with the rest, and fetches no finished layer again', async () => {
    const fresh = await bench.freshMachine('killed');
    const { ended } = await pullHalf(fresh);
    await fresh.restart('SIGKILL');
    expect((await ended)[0]).toBe(1);
    gate.open();
    await fresh.lade('pull', reference);
    expectNothingTwice();
    expect((await fresh.lade('image', 'inspect', reference)).stdout).toContain('"Layers"');
  });

  test('by ^C ends at once, and goes on with the rest', async () => {
    const fresh = await bench.freshMachine('interrupted');
    const { child, ended } = await pullHalf(fresh);
    child.kill('SIGINT');
    expect((await ended)[0]).toBe(130);
    gate.open();
    await fresh.lade('pull', reference);
    expectNothingTwice();
  });

  test('by one of two who wait for it goes on for the other, as one download', async () => {
    const fresh = await bench.freshMachine('shared');
    const { child, ended } = await pullHalf(fresh);
    const env = { ...process.env, DOCKER_HOST: `unix://${fresh.socket}` };
    const other = spawn('docker', ['pull', reference], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const otherEnded = once(other, 'close') as Promise<[number | null]>;
    let shown = '';
    other.stdout.on('data', (chunk: Buffer) => void (shown += chunk.toString()));
    const joined = `${largest().slice('sha256:'.length, 'sha256:'.length + 12)}: Pulling fs layer`;
    await expect.poll(() => shown).toContain(joined);
    child.kill('SIGINT');
    await ended;
    gate.open();
    expect((await otherEnded)[0]).toBe(0);
    expect(downloadsOf(largest())).toHaveLength(1);
  });
});

test('a push that is cut goes on where the registry stands', async () => {
  // Debian's docker-registry throws an upload away that was cut; Lade's own says how far it got.
  const own = stack.use(await startRegistry(scratch.join('own')));
  const gate = stack.use(await startGate(own.address));
  const context = scratch.child('cut-push');
  writeFileSync(context.join('a'), randomBytes(24 * MIB));
  writeFileSync(context.join('Dockerfile'), 'FROM scratch\nCOPY a /a\n');
  await machine.lade('build', '-q', '-t', `${gate.address}/cut:v1`, context.path);
  gate.cutUpload(12 * MIB);
  await machine.docker('push', `${gate.address}/cut:v1`);
  const [layer] = (JSON.parse(await raw(`${own.address}/cut:v1`)) as Manifest).layers;
  const again = gate.uploaded() - (layer?.size ?? 0);
  expect(again).toBeGreaterThan(0);
  expect(again).toBeLessThan(8 * MIB);
  await mustRun('skopeo', [
    'copy',
    '--src-tls-verify=false',
    `docker://${own.address}/cut:v1`,
    `dir:${scratch.join('cut')}`,
  ]);
});

describe('image cp', () => {
  const list = 'copies/multi:v1';

  beforeAll(async () => {
    await machine.docker('tag', 'test/busybox', `${plain.address}/copies/amd64:v1`);
    await machine.docker('push', `${plain.address}/copies/amd64:v1`);
    const layout = scratch.join('layout');
    await mustRun('skopeo', [
      'copy',
      '--src-tls-verify=false',
      `docker://${plain.address}/copies/amd64:v1`,
      `oci:${layout}:v1`,
    ]);
    // An index of two platforms, made from one image with two configurations.
    const image = await raw(`${plain.address}/copies/amd64:v1`);
    const put = await fetch(`http://${plain.address}/v2/copies/multi/blobs/uploads/`, { method: 'POST' });
    expect(put.status).toBe(202);
    const parsed = JSON.parse(image) as Manifest & { readonly config: { readonly digest: string } };
    for (const { digest } of [...parsed.layers, parsed.config]) {
      const mount = `?mount=${digest}&from=copies/amd64`;
      const mounted = await fetch(`http://${plain.address}/v2/copies/multi/blobs/uploads/${mount}`, {
        method: 'POST',
      });
      expect(mounted.status).toBe(201);
    }
    const store = async (target: string, mediaType: string, body: string): Promise<void> => {
      const answer = await fetch(`http://${plain.address}/v2/copies/multi/manifests/${target}`, {
        method: 'PUT',
        headers: { 'content-type': mediaType },
        body,
      });
      expect(answer.status).toBe(201);
    };
    const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;
    const { mediaType } = JSON.parse(image) as { mediaType: string };
    const other = `${image}\n`;
    const manifests = [];
    for (const [text, architecture] of [
      [image, 'amd64'],
      [other, 'arm64'],
    ] as const) {
      await store(digestOf(text), mediaType, text);
      const platform = { os: 'linux', architecture };
      manifests.push({ mediaType, digest: digestOf(text), size: text.length, platform });
    }
    const type = 'application/vnd.oci.image.index.v1+json';
    await store('v1', type, JSON.stringify({ schemaVersion: 2, mediaType: type, manifests }, null, 3));
  });

  test('copies what skopeo copies, byte for byte, without storing anything', async () => {
    const target = stack.use(await startDockerRegistry(scratch, 'target'));
    const fresh = await bench.freshMachine('copying');
    const source = `${plain.address}/${list}`;
    const { stdout } = await fresh.lade('image', 'cp', source, `${target.address}/mine/multi`);
    await mustRun('skopeo', [
      'copy',
      '--all',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      `docker://${source}`,
      `docker://${target.address}/theirs/multi:v1`,
    ]);
    const copied = await raw(`${target.address}/mine/multi:v1`);
    expect(copied).toBe(await raw(source));
    expect(copied).toBe(await raw(`${target.address}/theirs/multi:v1`));
    const { manifests } = JSON.parse(copied) as { manifests: { digest: string }[] };
    for (const { digest } of manifests)
      expect(await raw(`${target.address}/mine/multi@${digest}`)).toBe(
        await raw(`${target.address}/theirs/multi@${digest}`),
      );
    expect(stdout.split('\n')).toContain(`Status: Copied ${source} to ${target.address}/mine/multi:v1`);
    expect((await fresh.lade('images', '-aq')).stdout).toBe('');
    const small = ['-q', '--platform', 'linux/arm64', source, `${target.address}/mine/arm:v2`];
    const quiet = await fresh.lade('image', 'cp', ...small);
    const arm = manifests[1]?.digest ?? '';
    expect(quiet.stdout).toBe(`${target.address}/mine/arm@${arm}\n`);
    expect(await raw(`${target.address}/mine/arm:v2`)).toBe(await raw(`${source.replace(':v1', '')}@${arm}`));
    await mustRun('skopeo', [
      'inspect',
      '--tls-verify=false',
      '--override-arch=arm64',
      `docker://${target.address}/mine/arm:v2`,
    ]);
  });

  test('mounts within one registry, and says so', async () => {
    const names = [`${plain.address}/${list}`, `${plain.address}/copies/again:v1`];
    const { stdout } = await machine.lade('image', 'cp', ...names);
    expect(stdout).toContain(': Mounted from copies/multi\n');
    expect(stdout).not.toContain(': Copied\n');
  });

  test('says what is missing', async () => {
    const names = [`${plain.address}/copies/none:v1`, `${plain.address}/copies/x:v1`];
    const { code, stderr } = await machine.tryLade(['image', 'cp', ...names]);
    expect(code).toBe(1);
    expect(stderr).toContain(`manifest for ${plain.address}/copies/none:v1 not found`);
  });
});
