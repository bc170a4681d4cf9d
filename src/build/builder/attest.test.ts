import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answerGit, makeRepository, startTestServer, testGit } from '../sources/testing.ts';
import { openTestShop, type TestShop } from './testing.ts';
import type { BuildRequest } from './types.ts';

let shop: TestShop;
let context: string;
beforeAll(async () => {
  shop = await openTestShop();
  context = shop.newContext();
});
afterAll(() => shop[Symbol.asyncDispose]());

interface Predicate {
  readonly buildDefinition: {
    readonly externalParameters: { readonly request: { readonly args: Record<string, string> } };
    readonly internalParameters: Record<string, unknown>;
    readonly resolvedDependencies: readonly { readonly uri: string; readonly digest: object }[];
  };
  readonly runDetails: { readonly metadata: Record<string, unknown> };
}

const provenance = async (text: string, more: Partial<BuildRequest>): Promise<Predicate> => {
  const request = {
    context: { kind: 'directory', path: context } as const,
    dockerfile: { inline: text },
    ...more,
  };
  const { metadata, buildId } = await shop.builder.build(request, () => undefined);
  const predicate = metadata['buildx.build.provenance'] as Predicate;
  expect(predicate.runDetails.metadata['invocationId']).toBe(buildId);
  return predicate;
};

test('provenance names what was fetched by its content, and keeps passwords to itself', async () => {
  const content = 'fetched';
  await using stack = new AsyncDisposableStack();
  const server = createServer((_request, response) => response.end(content)).listen(0, '127.0.0.1');
  stack.defer(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/file.txt`;
  const text = `FROM busybox AS base\nARG KEY\nFROM scratch\nCOPY --from=base /etc/passwd /\nADD ${url} /\n`;
  const predicate = await provenance(text, {
    attestations: { provenance: 'max', reproducible: true },
    buildArgs: { KEY: 'https://user:pass@example.com/x' },
  });
  const digest = { sha256: createHash('sha256').update(content).digest('hex') };
  expect(predicate.buildDefinition.resolvedDependencies).toEqual([
    {
      uri: expect.stringMatching(/^pkg:docker\/busybox@latest\?/) as string,
      digest: expect.anything() as object,
    },
    { uri: url, digest },
  ]);
  expect(predicate.buildDefinition.externalParameters.request.args).toEqual({
    'build-arg:KEY': 'https://xxxxx:xxxxx@example.com/x',
  });
  expect(predicate.runDetails.metadata).toMatchObject({
    lade_reproducible: true,
    lade_source: { language: 'Dockerfile' },
  });
});

test('provenance names repositories by their commits', async () => {
  const path = join(shop.path, 'repositories');
  mkdirSync(path);
  makeRepository(join(path, 'app'), { Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
  testGit(path, 'clone', '--quiet', '--bare', join(path, 'app'), join(path, 'app.git'));
  await using server = await startTestServer(answerGit(path));
  const commit = testGit(join(path, 'app'), 'rev-parse', 'HEAD').trim();
  const url = `${server.origin}/app.git#main`;
  const { metadata } = await shop.builder.build(
    { context: { kind: 'remote', url }, attestations: { provenance: 'min' } },
    () => undefined,
  );
  const { buildDefinition } = metadata['buildx.build.provenance'] as Predicate;
  expect(buildDefinition.resolvedDependencies).toEqual([{ uri: url, digest: { sha1: commit } }]);
  expect(buildDefinition.externalParameters).toMatchObject({
    configSource: { uri: url, path: 'Dockerfile' },
  });
});

test('provenance of mode min has neither values of arguments nor the Dockerfile', async () => {
  const predicate = await provenance('FROM busybox\nARG KEY\nENV A=b\n', {
    attestations: { provenance: 'min' },
    buildArgs: { KEY: 'private' },
  });
  expect(JSON.stringify(predicate)).not.toContain('private');
  expect(JSON.stringify(predicate)).not.toContain('ENV A=b');
});
