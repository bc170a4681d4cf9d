/** Listings, search and credentials of `lade registry`, with podman and skopeo as the clients. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { LADE, startRegistry, type RegistryService } from './support/lade.ts';
import { mustRun, run } from './support/process.ts';
import { createScratch, type Scratch } from './support/scratch.ts';

let scratch: Scratch;
let registry: RegistryService;
let address: string;
beforeAll(async () => {
  scratch = createScratch();
  registry = await startRegistry(scratch.join('registry'), '--access');
  address = registry.address.replace('localhost', '127.0.0.1');
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

const lade = async (...args: readonly string[]): Promise<string> => {
  const socket = `unix://${scratch.join('registry', 'registry.sock')}`;
  return (await mustRun(LADE, ['registry', ...args], { env: { ...process.env, LADE_REGISTRY: socket } }))
    .stdout;
};

const robot = async (name: string, ...args: readonly string[]): Promise<string> => {
  const file = scratch.join(`${name}.json`);
  writeFileSync(file, await lade('docker-config', '--robot', name, ...args, address));
  return file;
};

const buildAndPush = async (
  authfile: string,
  reference: string,
): Promise<{ readonly code: number | null }> => {
  const storage = ['--root', scratch.join('b'), '--runroot', scratch.join('br'), '--storage-driver', 'vfs'];
  const context = scratch.join('context');
  mkdirSync(context, { recursive: true });
  cpSync('/bin/busybox', `${context}/busybox`);
  const label = 'org.opencontainers.image.description="Squeezes oranges"';
  writeFileSync(`${context}/Dockerfile`, `FROM scratch\nLABEL ${label}\nCOPY busybox /busybox\n`);
  await mustRun('buildah', [...storage, 'bud', '-q', '-t', 'press', context]);
  const push = ['push', '--tls-verify=false', '--authfile', authfile, 'press', `docker://${reference}`];
  return await run('buildah', [...storage, ...push]);
};

test('a robot made by docker-config pushes where it may, and what it pushed can be looked at', async () => {
  const authfile = await robot('ci', '--action', 'push', '--repository', 'fruit/**');
  expect((await buildAndPush(authfile, `${address}/fruit/press:v1`)).code).toBe(0);
  expect((await buildAndPush(authfile, `${address}/other/press:v1`)).code).not.toBe(0);
  await expect
    .poll(() => lade('tags', 'fruit/press', '--format', '{{.Tag}} {{.Kind}} {{.Platforms}}'))
    .toBe('v1 image linux/amd64\n');
  expect(await lade('ls', '--format', '{{.Name}}: {{.Description}}')).toBe('fruit/press: Squeezes oranges\n');
  expect(await lade('search', '--label', 'org.opencontainers.image.description')).toContain('fruit/press');
  const refused = await lade('audit', '--refused');
  expect(refused).toContain('robot+ci may not');
});

test('podman finds by name what its login may pull', async () => {
  const search = async (authfile: string): Promise<string> => {
    const args = ['search', '--tls-verify=false', '--authfile', authfile, '--format', '{{.Name}}'];
    return (await run('podman', [...args, `${address}/press`])).stdout;
  };
  expect(await search(await robot('reader'))).toBe(`${address}/fruit/press\n`);
  expect(await search(await robot('stranger', '--repository', 'nothing/**'))).toBe('');
});

test('a Kubernetes Secret has a config.json that works', async () => {
  const secret = await lade('kubernetes-secret', '--robot', 'cluster', '--namespace', 'web', address);
  const object = parse(secret) as { readonly data: Readonly<Record<string, string>> };
  expect(object).toMatchObject({ kind: 'Secret', metadata: { name: 'lade-registry', namespace: 'web' } });
  const data = object.data['.dockerconfigjson'] ?? '';
  const file = scratch.join('from-secret.json');
  writeFileSync(file, Buffer.from(data, 'base64'));
  const inspect = ['inspect', '--tls-verify=false', '--authfile', file, `docker://${address}/fruit/press:v1`];
  expect(JSON.parse((await mustRun('skopeo', inspect)).stdout)).toMatchObject({ RepoTags: ['v1'] });
});

test('a repository is described, shown and starred', async () => {
  writeFileSync(scratch.join('README.md'), '# Press\n\nFor *oranges*.\n');
  await lade('describe', '-d', 'Presses', '--readme', scratch.join('README.md'), 'fruit/press');
  expect(await lade('show', '--readme', 'fruit/press')).toBe('# Press\n\nFor *oranges*.\n');
  expect(await lade('star', 'fruit/press')).toBe('1\n');
  expect(JSON.parse(await lade('show', 'fruit/press'))).toMatchObject({ description: 'Presses', stars: 1 });
  expect(JSON.parse(await lade('show', 'fruit/press:v1'))).toMatchObject({ kind: 'image', tags: ['v1'] });
  const missing = await run(LADE, ['registry', 'show', 'no/such'], {
    env: { ...process.env, LADE_REGISTRY: scratch.join('registry', 'registry.sock') },
  });
  expect([missing.code, missing.stderr]).toEqual([
    1,
    expect.stringContaining('there is no repository no/such'),
  ]);
});
