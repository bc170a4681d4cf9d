/** distribution-spec 1.1, by `lade registry conformance`: Lade's registry as it is shipped, and another one as control. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDockerRegistry, type DockerRegistry } from './support/docker-registry.ts';
import { dockerRegistryLacks } from './support/docker-registry-conformance.ts';
import { LADE, startRegistry, type RegistryService } from './support/lade.ts';
import { run } from './support/process.ts';
import { createScratch, type Scratch } from './support/scratch.ts';

interface Result {
  readonly id: string;
  readonly level: string;
  readonly outcome: string;
}

const check = async (address: string) => {
  const { code, stdout, stderr } = await run(LADE, [
    'registry',
    'conformance',
    '--json',
    `http://${address}`,
  ]);
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
  let registry: RegistryService;
  beforeAll(async () => {
    registry = await startRegistry(scratch.join('lade'));
  });
  afterAll(() => registry?.[Symbol.asyncDispose]());

  test('does everything', async () => {
    const { code, stderr, results } = await check(registry.address);
    expect(idsOf(results, 'failed')).toEqual([]);
    expect(idsOf(results, 'unsupported')).toEqual(['pushing-a-blob-in-chunks-1']);
    expect(results.length).toBeGreaterThan(200);
    expect([code, stderr]).toEqual([0, expect.stringContaining('0 MUST failed, 0 SHOULD failed')]);
  });

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
  });
});
