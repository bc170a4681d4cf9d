/** Contexts that the daemon fetches, by Lade's own command line and by docker's. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  answerGit,
  makeRepository,
  startTestServer,
  testGit,
  type TestServer,
} from '../src/build/sources/testing.ts';
import { startMachine, type Machine } from './support/lade.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
const stack = new AsyncDisposableStack();
stack.defer(() => scratch[Symbol.dispose]());
let machine: Machine;
let server: TestServer;

const TOKEN = `Basic ${btoa('x-access-token:t0ken')}`;

beforeAll(async () => {
  const repositories = scratch.child('repositories');
  makeRepository(repositories.join('app'), {
    Dockerfile: 'FROM scratch\nCOPY f /f\nCOPY --from=named n /n\n',
    f: 'from git',
    'sub/Dockerfile': 'FROM scratch\nCOPY . /\n',
    'sub/g': 'from a directory of it',
  });
  testGit(
    repositories.path,
    'clone',
    '--quiet',
    '--bare',
    repositories.join('app'),
    repositories.join('app.git'),
  );
  const packed = scratch.join('context.tgz');
  execFileSync('tar', ['-czf', packed, '-C', repositories.join('app/sub'), '.']);
  const answer = answerGit(repositories.path);
  server = stack.use(
    await startTestServer((request, response) => {
      if (request.url === '/context.tgz') response.end(readFileSync(packed));
      else if (request.headers.authorization === TOKEN) answer(request, response);
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    }),
  );
  machine = stack.use(await startMachine(scratch));
}, 120_000);

afterAll(() => stack.disposeAsync(), 60_000);

const filesOf = async (image: string): Promise<string> => {
  const tar = scratch.join('image.tar');
  await machine.docker('create', '--name', 'look', image, 'none');
  await machine.docker('export', '-o', tar, 'look');
  await machine.docker('rm', 'look');
  return execFileSync('tar', ['-tf', tar], { encoding: 'utf8' });
};

test('lade build of a private repository, with a named context and a token', async () => {
  const named = scratch.child('named');
  writeFileSync(named.join('n'), 'named');
  writeFileSync(scratch.join('token'), 't0ken');
  const url = `${server.origin}/app.git#main`;
  const refused = await machine.tryLade(['build', '-t', 'one', url]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('GIT_AUTH_TOKEN');
  const secret = `id=GIT_AUTH_TOKEN,src=${scratch.join('token')}`;
  const context = `named=${named.path}`;
  await machine.lade('build', '-t', 'one', '--secret', secret, '--build-context', context, url);
  const files = await filesOf('one');
  expect(files).toMatch(/^f$/mu);
  expect(files).toMatch(/^n$/mu);
  const options = ['--secret', secret, '--build-context', context];
  const again = await machine.tryLade(['build', '--progress=plain', '-t', 'one', ...options, url]);
  expect(again.stderr.match(/CACHED/gu)?.length).toBe(2);
  expect(again.stderr).not.toContain('t0ken');
});

test('docker build of an archive at a URL', async () => {
  await machine.docker('build', '-q', '-t', 'two', `${server.origin}/context.tgz`);
  expect(await filesOf('two')).toMatch(/^g$/mu);
});
