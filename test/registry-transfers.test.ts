/** `lade registry import`, `mirror`, `backup` and `restore`, killed in their middle and run again. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDockerRegistry, type DockerRegistry } from './support/docker-registry.ts';
import { LADE, startRegistry, type RegistryService } from './support/lade.ts';
import { mustRun, run } from './support/process.ts';
import { createScratch, type Scratch } from './support/scratch.ts';

const IMAGES = 36;
const IMAGE = 'application/vnd.oci.image.manifest.v1+json';

const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Writes a docker-registry's storage as it lies on the disk; answers its tags with the digests they name. */
const writeStorage = (root: string): ReadonlyMap<string, string> => {
  const base = `${root}/docker/registry/v2`;
  const put = (path: string, bytes: Buffer | string): void => {
    mkdirSync(dirname(`${base}/${path}`), { recursive: true });
    writeFileSync(`${base}/${path}`, bytes);
  };
  const blob = (bytes: Buffer): { digest: string; size: number } => {
    const hex = digestOf(bytes);
    put(`blobs/sha256/${hex.slice(0, 2)}/${hex}/data`, bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const tags = new Map<string, string>();
  for (let n = 0; n < IMAGES; n += 1) {
    const repository = `repositories/team/app${n % 3}`;
    const config = {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      ...blob(Buffer.from(`{"n":${n}}`)),
    };
    const layers = [0, 1, 2].map(() => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      ...blob(randomBytes(50_000)),
    }));
    const manifest = blob(
      Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: IMAGE, config, layers })),
    );
    for (const { digest } of [config, ...layers])
      put(`${repository}/_layers/sha256/${digest.slice(7)}/link`, digest);
    put(`${repository}/_manifests/revisions/sha256/${manifest.digest.slice(7)}/link`, manifest.digest);
    put(`${repository}/_manifests/tags/t${n}/current/link`, manifest.digest);
    put(`${repository}/_manifests/tags/t${n}/index/sha256/${manifest.digest.slice(7)}/link`, manifest.digest);
    tags.set(`team/app${n % 3}:t${n}`, manifest.digest);
  }
  return tags;
};

let scratch: Scratch;
let stack: AsyncDisposableStack;
let docker: DockerRegistry;
let tags: ReadonlyMap<string, string>;
beforeAll(async () => {
  scratch = createScratch();
  stack = new AsyncDisposableStack();
  stack.defer(() => scratch[Symbol.dispose]());
  docker = stack.use(await startDockerRegistry(scratch, 'docker'));
  tags = writeStorage(scratch.join('docker', 'data'));
});
afterAll(() => stack?.disposeAsync());

const bytesAt = async (url: string): Promise<Buffer> => {
  const response = await fetch(url, { headers: { accept: IMAGE } });
  expect([url, response.status]).toEqual([url, 200]);
  return Buffer.from(await response.arrayBuffer());
};

/** Compares every tag, manifest and blob with what docker-registry serves of the same content. */
const expectAll = async (address: string): Promise<void> => {
  for (const [name, digest] of tags) {
    const [repository, tag] = name.split(':');
    const path = `/v2/${repository}/manifests/`;
    const manifest = await bytesAt(`http://${address}${path}${tag}`);
    expect(`sha256:${digestOf(manifest)}`).toBe(digest);
    expect(manifest).toEqual(await bytesAt(`http://${docker.address}${path}${digest}`));
    const { config, layers } = JSON.parse(manifest.toString()) as {
      config: { digest: string };
      layers: { digest: string }[];
    };
    for (const blob of [config, ...layers]) {
      const url = `http://${address}/v2/${repository}/blobs/${blob.digest}`;
      expect(`sha256:${digestOf(await bytesAt(url))}`).toBe(blob.digest);
    }
  }
};

/** Runs a verb and kills the registry behind it after so many lines of progress; answers whether that was in its middle. */
const killDuring = async (
  service: RegistryService,
  args: readonly string[],
  lines: number,
): Promise<boolean> => {
  const child = spawn(LADE, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const closed = once(child, 'close') as Promise<[number | null]>;
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('"done"')) break;
    seen += 1;
    if (seen === lines) await service.service.kill('SIGKILL');
  }
  await service.service.kill('SIGKILL');
  const [code] = await closed;
  return code !== 0;
};

interface Case {
  readonly verb: string;
  readonly args: readonly string[];
}

const cases = (): readonly Case[] => [
  { verb: 'import', args: [scratch.join('docker', 'data')] },
  { verb: 'mirror', args: [`http://${docker.address}`, '--allow-private', '127.0.0.0/8'] },
];

test.each(['import', 'mirror'])('%s goes on after SIGKILL, and has everything at its end', async (verb) => {
  const wanted = cases().find((each) => each.verb === verb);
  const root = scratch.join(`root-${verb}`);
  const socket = `unix://${root}/registry.sock`;
  const args = ['registry', verb, '--json', '--verbose', '--registry', socket, ...(wanted?.args ?? [])];
  let middle = 0;
  for (const lines of [2, 8, 16]) if (await killDuring(await startRegistry(root), args, lines)) middle += 1;
  expect(middle).toBeGreaterThan(1);
  await using registry = await startRegistry(root);
  const last = await mustRun(LADE, args);
  const done = last.stdout.split('\n').find((line) => line.includes('"done"'));
  expect(JSON.parse(done ?? '{}')).toMatchObject({ totals: { failures: 0, warnings: 0 } });
  const again = await mustRun(LADE, args);
  expect(again.stdout).toMatch(/"tags":0,"manifests":0,"blobs":0,"bytes":0/);
  await expectAll(registry.address);
});

test('backup goes on after SIGKILL, is restored elsewhere whole, and never half', async () => {
  const root = scratch.join('root-import');
  const backup = scratch.join('backup');
  const args = ['registry', 'backup', '--json', '--registry', `unix://${root}/registry.sock`, backup];
  const restore = (to: string) => run(LADE, ['registry', 'restore', '--root', scratch.join(to), backup]);
  await killDuring(await startRegistry(root), args, 1);
  const half = await restore('never');
  expect([half.code, half.stderr]).toEqual([1, expect.stringContaining('no finished backup')]);
  expect(readdirSync(scratch.path)).not.toContain('never');
  {
    await using registry = await startRegistry(root);
    expect(registry.address).toBeDefined();
    const finished = await mustRun(LADE, args);
    const done = JSON.parse(finished.stdout.trim().split('\n').at(-1) ?? '{}') as { present: number };
    expect(done).toMatchObject({ kind: 'done' });
  }
  const verified = await mustRun(LADE, ['registry', 'restore', '--verify', backup]);
  expect(verified.stdout).toMatch(/: whole\n$/);

  const killed = spawn(LADE, ['registry', 'restore', '--root', scratch.join('elsewhere'), backup]);
  const exited = once(killed, 'exit');
  while (!readdirSync(scratch.path).includes('elsewhere')) await new Promise(setImmediate);
  killed.kill('SIGKILL');
  await exited;
  expect((await restore('elsewhere')).code).toBe(0);
  expect((await restore('elsewhere')).stderr).toContain('is not empty');
  await using restored = await startRegistry(scratch.join('elsewhere'));
  await expectAll(restored.address);
});
