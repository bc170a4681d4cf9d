import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { NamedContext } from '#sources';
import { answerGit, makeRepository, startTestServer, testGit } from '../sources/testing.ts';
import { openTestShop, type TestShop } from './testing.ts';

let shop: TestShop;

beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(async () => {
  await shop[Symbol.asyncDispose]();
});

const directory = (files?: Readonly<Record<string, string>>): string => shop.newContext(files);

const build = (text: string, contexts: Readonly<Record<string, NamedContext>>) =>
  shop.builder.build(
    { context: { kind: 'directory', path: directory() }, dockerfile: { inline: text }, contexts },
    () => undefined,
  );

const look = async <T>(built: Awaited<ReturnType<typeof build>>, use: (root: string) => T): Promise<T> => {
  const { config } = await shop.library.prepare(built.imageId);
  await using view = await shop.layers.mountReadOnly(config.rootfs.diffIds);
  return use(view.path);
};

it('a directory is what COPY --from, FROM and a mount name; its own ignore file holds', async () => {
  const path = directory({ 'a/b.txt': 'b', 'c.txt': 'c', 'skip.txt': 's', '.dockerignore': 'skip.txt\n' });
  const contexts = { files: { kind: 'directory', path } } as const;
  const text = 'FROM busybox\nCOPY --from=files a /a\nRUN --mount=from=files,target=/m ls /m > /list';
  const first = await build(text, contexts);
  await look(first, (root) => {
    expect(readFileSync(join(root, 'a/b.txt'), 'utf8')).toBe('b');
    expect(readFileSync(join(root, 'list'), 'utf8')).toBe('a\nc.txt\n');
    expect(statSync(join(root, 'a/b.txt')).uid).toBe(0);
  });
  expect((await build(text, contexts)).steps.cached).toBe(2);
  const based = await build('FROM files\nCOPY --from=files c.txt /d.txt', contexts);
  await look(based, (root) => {
    expect(readdirSync(root).sort()).toEqual(['.dockerignore', 'a', 'c.txt', 'd.txt']);
  });
  writeFileSync(join(path, 'c.txt'), 'changed');
  const again = await build('FROM files', contexts);
  await look(again, (root) => expect(readFileSync(join(root, 'c.txt'), 'utf8')).toBe('changed'));
});

it('stands for images and stages of its name', async () => {
  const path = directory({ 'made.txt': 'outside' });
  const contexts = {
    'docker.io/library/alpine': { kind: 'image', reference: 'busybox' },
    builder: { kind: 'directory', path },
  } as const;
  const text =
    'FROM nothing-like-this AS builder\nRUN exit 3\nFROM alpine:latest\nCOPY --from=builder made.txt /\nCOPY --from=0 made.txt /two';
  const built = await build(text, contexts);
  await look(built, (root) => {
    expect(readFileSync(join(root, 'made.txt'), 'utf8')).toBe('outside');
    expect(readdirSync(root)).toContain('two');
  });
});

it('is a repository or an archive somewhere else, another stage, or an image of an OCI layout', async () => {
  const path = directory();
  makeRepository(join(path, 'app'), { 'g.txt': 'git' });
  testGit(path, 'clone', '--quiet', '--bare', join(path, 'app'), join(path, 'app.git'));
  execFileSync('tar', ['-czf', join(path, 'x.tgz'), '-C', join(path, 'app'), 'g.txt']);
  await using server = await startTestServer((request, response) => {
    if (request.url === '/x.tgz') response.end(readFileSync(join(path, 'x.tgz')));
    else answerGit(path)(request, response);
  });
  const layout = join(path, 'layout');
  mkdirSync(layout);
  const archive = await shop.library.save(['busybox']);
  const tar = join(path, 'busybox.tar');
  const chunks: Buffer[] = [];
  for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk);
  writeFileSync(tar, Buffer.concat(chunks));
  execFileSync('tar', ['-xf', tar, '-C', layout]);
  const built = await build(
    [
      'FROM busybox AS one',
      'RUN echo one > /o',
      'FROM laid',
      'COPY --from=repo g.txt /git',
      'COPY --from=packed g.txt /tar',
      'COPY --from=alias o /o',
    ].join('\n'),
    {
      repo: { kind: 'remote', url: `${server.origin}/app.git` },
      packed: { kind: 'remote', url: `${server.origin}/x.tgz` },
      alias: { kind: 'target', stage: 'one' },
      laid: { kind: 'oci-layout', path: layout, reference: undefined },
    },
  );
  await look(built, (root) => {
    expect(readFileSync(join(root, 'git'), 'utf8')).toBe('git');
    expect(readFileSync(join(root, 'tar'), 'utf8')).toBe('git');
    expect(readFileSync(join(root, 'o'), 'utf8')).toBe('one\n');
    expect(readdirSync(join(root, 'bin'))).toContain('busybox');
  });
});

it('says what is wrong with it', async () => {
  const text = 'FROM x';
  await expect(build(text, { x: { kind: 'directory', path: '/nowhere/at/all' } })).rejects.toMatchObject({
    code: 'BUILDER_BAD_CONTEXT',
  });
  await expect(
    build(text, { x: { kind: 'oci-layout', path: directory(), reference: undefined } }),
  ).rejects.toMatchObject({ code: 'BUILDER_BAD_CONTEXT' });
});
