/** Collections, retention and checks of a real registry: from the command line, with skopeo, and killed in between. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LADE, startRegistry, type RegistryService } from './support/lade.ts';
import { mustRun, run, type Finished } from './support/process.ts';
import { createScratch, type Scratch } from './support/scratch.ts';

const IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const SETTINGS = `
keeping:
  uploadWindow: 0
  gc: { every: 0 }
  retention:
    - repositories: [team/**]
      tags: [{ tags: [pr-*], lastPushed: 1 }]
      untagged: { releasedWithin: 0 }
`;

let scratch: Scratch;
let registry: RegistryService;

const start = (): Promise<RegistryService> =>
  startRegistry(scratch.join('registry'), '--config', scratch.join('settings.yaml'));

beforeEach(async () => {
  scratch = createScratch();
  writeFileSync(scratch.join('settings.yaml'), SETTINGS);
  registry = await start();
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

const socket = (): string => scratch.join('registry', 'registry.sock');

const tryLade = (...words: readonly string[]): Promise<Finished> =>
  run(LADE, ['registry', ...words, '--registry', `unix://${socket()}`]);

const lade = async (...words: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await tryLade(...words);
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
};

const lines = async <T>(...words: readonly string[]): Promise<readonly T[]> =>
  (await lade(...words))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);

const filesBelow = (...names: readonly string[]): readonly string[] =>
  readdirSync(scratch.join('registry', ...names), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

const digestOf = (bytes: string): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const agent = new Agent({ keepAlive: true, maxSockets: 16 });

interface Answer {
  readonly status: number;
  readonly body: string;
}

const call = (method: string, path: string, body = '', type = 'application/octet-stream'): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const port = Number(registry.address.split(':')[1]);
    const headers = { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) };
    const sent = request({ agent, host: '127.0.0.1', port, method, path, headers }, (response) => {
      void text(response).then(
        (answer) => resolve({ status: response.statusCode ?? 0, body: answer }),
        reject,
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });

const pushBlob = async (repository: string, content: string): Promise<void> => {
  const { status } = await call(
    'POST',
    `/v2/${repository}/blobs/uploads/?digest=${digestOf(content)}`,
    content,
  );
  expect(status).toBe(201);
};

const pushImage = async (repository: string, tag: string, content: string): Promise<void> => {
  await pushBlob(repository, content);
  const config = { mediaType: 'application/x', digest: digestOf(content), size: content.length };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: IMAGE, config, layers: [] });
  expect((await call('PUT', `/v2/${repository}/manifests/${tag}`, body, IMAGE)).status).toBe(201);
};

interface PlanLine {
  readonly goes?: {
    readonly kind: string;
    readonly repository: string;
    readonly digest: string;
    readonly tag?: string;
  };
  readonly plan?: { readonly id: string };
}

/** Begins a call of the administration and kills the registry when `count` lines of progress have come. */
const killDuring = async (path: string, body: string, count: number): Promise<void> => {
  const seen = await new Promise<number>((resolve, reject) => {
    let found = 0;
    const sent = request(
      {
        socketPath: socket(),
        method: 'POST',
        path: `/lade/v1/registry${path}`,
        headers: { 'Content-Type': 'application/json' },
      },
      (response) => {
        response.setEncoding('utf8').on('data', (data: string) => {
          found += data.split('"progress"').length - 1;
          if (found >= count) resolve(found);
        });
        response.on('end', () => resolve(found)).on('error', () => resolve(found));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
  expect(seen).toBeGreaterThanOrEqual(count);
  await registry.service.kill('SIGKILL');
  registry = await start();
};

const noSkopeo =
  existsSync('/usr/bin/skopeo') && existsSync('/usr/bin/umoci') ? '' : ' (needs skopeo and umoci)';

describe(`the command line${noSkopeo}`, () => {
  test.skipIf(noSkopeo !== '')(
    'plans, runs, lists and undoes what skopeo sees go and come back',
    async () => {
      const layout = scratch.join('layout');
      await mustRun('umoci', ['init', '--layout', layout]);
      for (const tag of ['pr-1', 'pr-2', 'v1']) {
        await mustRun('umoci', ['new', '--image', `${layout}:${tag}`]);
        await mustRun('umoci', ['config', '--image', `${layout}:${tag}`, '--author', tag]);
        const to = `docker://${registry.address}/team/app:${tag}`;
        await mustRun('skopeo', ['copy', '--dest-tls-verify=false', `oci:${layout}:${tag}`, to]);
      }
      const tags = async (): Promise<unknown> => {
        const { stdout } = await mustRun('skopeo', [
          'list-tags',
          '--tls-verify=false',
          `docker://${registry.address}/team/app`,
        ]);
        return (JSON.parse(stdout) as { Tags: unknown }).Tags;
      };
      const tested = await lade('retention', 'test', 'team/app');
      expect(tested).toMatch(/^goes\ttag\tteam\/app:pr-1\t\tplace 2 of 2 pushed of pr-\*/m);
      expect(tested).toMatch(/^stays\ttag\tteam\/app:pr-2\t\tplace 1 of the last 1 pushed of pr-\*/m);
      expect(tested).toMatch(/^stays\ttag\tteam\/app:v1\t\tno rule is about this tag/m);
      const plan = await lines<PlanLine>('gc', 'plan', '--json');
      const planned = plan.flatMap(({ goes }) => (goes === undefined ? [] : [goes]));
      const id = plan.at(-1)?.plan?.id ?? '';
      const removal = /gc undo (\S+)/.exec(await lade('gc', 'run', '--plan', id))?.[1] ?? '';
      const removed = await lines<{ kind: string; digest: string }>('gc', 'ls', removal, '--json');
      const names = (items: readonly { kind: string; digest: string }[]): readonly string[] =>
        items.map(({ kind, digest }) => `${kind} ${digest}`).toSorted();
      expect(names(removed)).toEqual(names(planned));
      expect(await tags()).toEqual(['pr-2', 'v1']);
      const copy = (tag: string): Promise<Finished> =>
        run('skopeo', [
          'copy',
          '--src-tls-verify=false',
          `docker://${registry.address}/team/app:${tag}`,
          `dir:${scratch.join(tag)}`,
        ]);
      expect((await copy('pr-1')).code).not.toBe(0);
      expect((await copy('v1')).code).toBe(0);

      expect(await lade('gc', 'undo', removal)).toContain('brought back 1 tag, 1 manifest');
      expect(await tags()).toEqual(['pr-1', 'pr-2', 'v1']);
      expect((await copy('pr-1')).code).toBe(0);
      expect(await lade('gc', 'plan')).toContain('nothing would go');
      const unknown = await tryLade('gc', 'undo', 'nothing');
      expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('gc ls')]);
    },
  );

  test('checks, and exits with 1 while something is damaged', async () => {
    await pushImage('a', 'v1', 'content');
    expect(await lade('check')).toContain('checked: 1 blob, 1 manifest, 7B: all whole');
    const hex = digestOf('content').slice('sha256:'.length);
    await mustRun('sh', [
      '-c',
      `chmod u+w "$0"; printf x >> "$0"`,
      scratch.join('registry', 'blobs', 'sha256', hex.slice(0, 2), hex),
    ]);
    const found = await tryLade('check');
    expect([found.code, found.stdout]).toEqual([1, expect.stringContaining(`blob-corrupt\tsha256:${hex}`)]);
    expect((await tryLade('check', '--repair')).stdout).toContain('moved to quarantine; push it again to a');
    expect(filesBelow('quarantine')).toHaveLength(1);
    expect((await tryLade('check', '--last')).code).toBe(1);
    await pushBlob('a', 'content');
    expect(await lade('check')).toContain('all whole');
  });
});

const COUNT = 800;

describe('killed with SIGKILL', () => {
  test('a run and a purge go on where they were; nothing is lost, and nothing is left over', async () => {
    await pushImage('kept', 'v1', 'kept');
    const numbers = Array.from({ length: COUNT }, (_, index) => index);
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let next = numbers.pop(); next !== undefined; next = numbers.pop())
          await pushBlob(`r/${next % 5}`, `content ${next}`);
      }),
    );
    await pushBlob('kept', 'content 0');
    await killDuring('/gc/runs', '{}', 1);
    const [unfinished] = await lines<{ id: string; finishedMs?: number }>('gc', 'ls', '--json');
    expect(unfinished?.finishedMs).toBeUndefined();
    const gone = new Set(
      (await lines<{ digest: string; repository: string }>('gc', 'ls', unfinished?.id ?? '', '--json')).map(
        ({ repository, digest }) => `${repository} ${digest}`,
      ),
    );
    expect(gone.size).toBeGreaterThan(0);
    for (let index = 0; index < COUNT; index += 17) {
      const [repository, digest] = [`r/${index % 5}`, digestOf(`content ${index}`)];
      const { status } = await call('HEAD', `/v2/${repository}/blobs/${digest}`);
      expect([index, status]).toEqual([index, gone.has(`${repository} ${digest}`) ? 404 : 200]);
    }
    expect(await lade('gc', 'run')).toContain(unfinished?.id ?? '');
    expect(await lines('gc', 'ls', unfinished?.id ?? '', '--json')).toHaveLength(COUNT + 1);
    expect(filesBelow('blobs')).toHaveLength(COUNT + 1);

    await pushBlob('kept', 'content 1');
    await killDuring('/gc/purge', '{"all":true}', 1);
    expect((await call('GET', `/v2/kept/blobs/${digestOf('content 1')}`)).body).toBe('content 1');
    const undo = await tryLade('gc', 'undo', unfinished?.id ?? '');
    expect([undo.code, undo.stderr]).toEqual([1, expect.stringContaining('nothing left')]);
    await lade('gc', 'purge', '--all');
    await lade('check', '--rate', '1GiB');
    await lade('gc', 'run');
    await lade('gc', 'purge', '--all');
    expect((await call('GET', `/v2/kept/blobs/${digestOf('kept')}`)).body).toBe('kept');
    expect(filesBelow('blobs')).toEqual([digestOf('kept').slice('sha256:'.length)]);
  }, 120_000);
});
