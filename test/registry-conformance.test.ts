/** distribution-spec 1.1, by `lade registry conformance`: Lade's registry with users, and another one as control. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { hash } from 'bcryptjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDockerRegistry, type DockerRegistry } from './support/docker-registry.ts';
import { dockerRegistryLacks } from './support/docker-registry-conformance.ts';
import { LADE, startRegistry } from './support/lade.ts';
import { run } from './support/process.ts';
import { createScratch, type Scratch } from './support/scratch.ts';

interface Result {
  readonly id: string;
  readonly level: string;
  readonly outcome: string;
}

const check = async (address: string, env: NodeJS.ProcessEnv = {}, only = '') => {
  const { code, stdout, stderr } = await run(
    LADE,
    ['registry', 'conformance', '--json', '--only', only, `http://${address}`],
    { env: { ...process.env, ...env } },
  );
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { code, stderr, results: lines.map((line) => JSON.parse(line) as Result) };
};

const idsOf = (results: readonly Result[], outcome: string): readonly string[] =>
  results.filter((result) => result.outcome === outcome).map(({ id }) => id);

let scratch: Scratch;
beforeAll(() => {
  scratch = createScratch();
});
afterAll(() => scratch[Symbol.dispose]());

describe("Lade's registry", () => {
  test('does everything for who logged in, by tokens', async () => {
    writeFileSync(scratch.join('htpasswd'), `ann:${await hash('pw', 4)}\n`);
    await using users = await startRegistry(scratch.join('users'), '--htpasswd', scratch.join('htpasswd'));
    mkdirSync(scratch.join('login'));
    const auth = Buffer.from('ann:pw').toString('base64');
    writeFileSync(
      scratch.join('login/config.json'),
      JSON.stringify({ auths: { [users.address]: { auth } } }),
    );
    const { code, stderr, results } = await check(users.address, { DOCKER_CONFIG: scratch.join('login') });
    expect(idsOf(results, 'failed')).toEqual([]);
    // A token is for the repositories that the client named: nothing else is mounted with it.
    expect(idsOf(results, 'unsupported')).toEqual([
      'pushing-a-blob-in-chunks-1',
      'pushing-blobs-sha256-11',
      'pushing-blobs-sha512-11',
    ]);
    expect(results.length).toBeGreaterThan(200);
    expect([code, stderr]).toEqual([0, expect.stringContaining('0 MUST failed, 0 SHOULD failed')]);
    const stranger = await check(users.address, { DOCKER_CONFIG: scratch.join('none') }, 'post-then-put-1');
    expect([stranger.code, idsOf(stranger.results, 'failed')]).toEqual([1, ['post-then-put-1']]);
  }, 180_000);

  test('is not there: one sentence', async () => {
    const { code, stderr } = await check('127.0.0.1:1');
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('there is no registry at http://127.0.0.1:1'),
    ]);
  });
});

describe("Debian's docker-registry", () => {
  let registry: DockerRegistry;
  beforeAll(async () => {
    registry = await startDockerRegistry(scratch, 'docker');
  });
  afterAll(() => registry?.[Symbol.asyncDispose]());

  test('lacks what is known of it, so that checks can fail', async () => {
    const { code, results } = await check(registry.address);
    expect(idsOf(results, 'failed')).toEqual(dockerRegistryLacks.failed);
    expect(idsOf(results, 'unsupported')).toEqual(dockerRegistryLacks.unsupported);
    expect(code).toBe(1);
  }, 180_000);
});
