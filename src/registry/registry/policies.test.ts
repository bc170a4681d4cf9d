import { request } from 'node:http';
import { once } from 'node:events';
import { readManifest } from '#metadata';
import { parseDigest } from '#oci';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestBy, startWireRegistry, type WireAnswer, type WireRegistry } from './testing.ts';

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';

let wire: WireRegistry;
beforeEach(async () => {
  wire = await startWireRegistry();
});
afterEach(() => wire[Symbol.asyncDispose]());

const CONFIG = '{}';

const manifest = (content: string, layer?: string): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_IMAGE,
    config: { mediaType: 'application/x', digest: digestBy('sha256', CONFIG), size: CONFIG.length },
    layers:
      layer === undefined
        ? []
        : [{ mediaType: 'application/y', digest: digestBy('sha256', layer), size: layer.length }],
    annotations: { content },
  });

const put = (repository: string, target: string, body: string): Promise<WireAnswer> =>
  wire.call('PUT', `/v2/${repository}/manifests/${target}`, { body, headers: { 'content-type': OCI_IMAGE } });

const outcome = ({ status, code }: WireAnswer): string => `${status} ${code ?? ''}`.trim();

const first = ({ json }: WireAnswer): { message: string; detail: Record<string, unknown> } | undefined =>
  (json as { errors?: { message: string; detail: Record<string, unknown> }[] } | undefined)?.errors?.[0];

describe('write-once tags', () => {
  beforeEach(async () => {
    await wire.storage.metadata.policies.configure({
      writeOnce: [
        { repositories: 'team/**', tags: ['v*'], except: ['*-dev'] },
        { repositories: 'lax/*', tags: ['*'], deletion: 'allowed' },
      ],
    });
    for (const repository of ['team/app', 'lax/app']) await wire.blob(repository, CONFIG);
  });

  test('refuse another image with the same answer always, take the same image again', async () => {
    expect(outcome(await put('team/app', 'v1', manifest('one')))).toBe('201');
    const again = await put('team/app', 'v1', manifest('two'));
    expect(outcome(again)).toBe('409 DENIED');
    expect(first(again)?.message).toBe(
      `tag team/app:v1 is write-once and points to ${digestBy('sha256', manifest('one'))}`,
    );
    expect(outcome(await put('team/app', 'v1', manifest('one')))).toBe('201');
    const digest = digestBy('sha256', manifest('two'));
    expect(outcome(await put('team/app', `${digest}?tag=v2&tag=v1`, manifest('two')))).toBe('409 DENIED');
    for (const target of [digest, 'v2'])
      expect((await wire.call('GET', `/v2/team/app/manifests/${target}`)).status).toBe(404);
    for (const tag of ['latest', 'v1-dev'])
      for (const content of ['one', 'two'])
        expect(outcome(await put('team/app', tag, manifest(content)))).toBe('201');
  });

  test('cannot be deleted, neither by tag nor with their manifest, unless so configured', async () => {
    const one = digestBy('sha256', manifest('one'));
    for (const [repository, expected] of [
      ['team/app', '409 DENIED'],
      ['lax/app', '202'],
    ] as const) {
      await put(repository, 'v1', manifest('one'));
      await put(repository, 'v1-dev', manifest('one'));
      expect(outcome(await wire.call('DELETE', `/v2/${repository}/manifests/v1`))).toBe(expected);
      expect(outcome(await wire.call('DELETE', `/v2/${repository}/manifests/${one}`))).toBe(expected);
      expect(outcome(await wire.call('DELETE', `/v2/${repository}/manifests/v7`))).toMatch(/^404/);
    }
    expect((await wire.call('GET', `/v2/team/app/manifests/v1`)).status).toBe(200);
    await put('lax/app', 'v1', manifest('two'));
    expect(outcome(await put('lax/app', 'v1', manifest('one')))).toBe('409 DENIED');
    const restored = await wire.storage.metadata.tagHistory
      .restore({ repository: 'lax/app', tag: 'v1', point: { kind: 'entry', id: 1 }, cause: { actor: 'x' } })
      .catch(String);
    expect(restored).toContain('entry 1 is none of');
  });

  test('of an upstream follow it', async () => {
    const { contents } = wire.storage.metadata;
    await put('team/app', 'v1', manifest('one'));
    const bytes = Buffer.from(manifest('two'));
    const digest = parseDigest(digestBy('sha256', bytes));
    const facts = readManifest(bytes, OCI_IMAGE);
    const cause = { actor: 'system:upstream' };
    const change = { repository: 'team/app', cause, reason: 'upstream' } as const;
    await contents.putManifest({ ...change, digest, bytes, facts, tags: ['v1'] });
    expect(contents.tagged('team/app', 'v1')).toBe(digest);
    expect(await contents.removeTag({ ...change, target: 'v1' })).toBe(true);
  });

  test('of many pushes at once one wins; the others get the one answer', async () => {
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) => put('team/app', `v${round}`, manifest(`${round} ${index}`))),
      );
      const outcomes = answers.map(outcome).toSorted();
      expect(outcomes).toEqual(['201', ...Array.from({ length: 11 }, () => '409 DENIED')]);
      expect(
        new Set(answers.filter(({ status }) => status === 409).map((one) => first(one)?.message)).size,
      ).toBe(1);
    }
    const { entries } = { entries: wire.storage.metadata.tagHistory.entries({ limit: 100 }) };
    expect(entries.map(({ tag, from }) => [tag, from])).toEqual(
      [0, 1, 2, 3, 4].map((round) => [`v${round}`, undefined]),
    );
  });

  test('that come while their manifest is deleted stay with it', async () => {
    for (let round = 0; round < 10; round += 1) {
      const body = manifest(`race ${round}`);
      const digest = digestBy('sha256', body);
      await put('team/app', 'latest', body);
      const [tagged, deleted] = await Promise.all([
        put('team/app', `v${round}`, body),
        wire.call('DELETE', `/v2/team/app/manifests/${digest}`),
      ]);
      expect(outcome(tagged)).toBe('201');
      expect(['202', '409 DENIED']).toContain(outcome(deleted));
      expect((await wire.call('GET', `/v2/team/app/manifests/v${round}`)).status).toBe(200);
    }
    expect((await wire.storage.metadata.tagHistory.verify()).faults).toEqual([]);
  });
});

describe('quotas', () => {
  const usedOf = (): readonly number[] => wire.storage.metadata.policies.quotas().map(({ used }) => used);
  const configure = (bytes: number): Promise<void> =>
    wire.storage.metadata.policies.configure({
      quotas: [
        { repositories: 'team/**', bytes },
        { repositories: '**', bytes: 10_000, each: 'repository' },
      ],
    });

  const upload = async (repository: string, content: string): Promise<WireAnswer> => {
    const begun = await wire.call('POST', `/v2/${repository}/blobs/uploads/`);
    const digest = digestBy('sha256', content);
    return wire.call('PUT', `${begun.headers.location}?digest=${digest}`, { body: content });
  };

  test('refuse with the figures, before a byte is sent where the length is declared', async () => {
    await configure(1000);
    expect(outcome(await upload('team/a', 'x'.repeat(600)))).toBe('201');
    const refused = await upload('team/b', 'y'.repeat(500));
    expect(outcome(refused)).toBe('403 DENIED');
    expect(first(refused)).toMatchObject({
      message: 'quota of team/** exceeded: 600 of 1000 bytes are used, 500 more were asked for',
      detail: { repositories: 'team/**', used: 600, limit: 1000, asked: 500 },
    });
    const begun = await wire.call('POST', '/v2/team/b/blobs/uploads/');
    const sending = request(`${wire.url}${begun.headers.location}`, {
      method: 'PATCH',
      headers: { 'content-length': 5000 },
    });
    sending.on('error', () => undefined);
    sending.flushHeaders();
    const [answer] = (await once(sending, 'response')) as [{ statusCode: number }];
    expect(answer.statusCode).toBe(403);
    sending.destroy();
    expect(outcome(await upload('other', 'y'.repeat(500)))).toBe('201');
  });

  test('count a content once in all repositories of a quota; deleting makes room', async () => {
    await configure(1000);
    const content = 'x'.repeat(700);
    await upload('team/a', content);
    const digest = digestBy('sha256', content);
    expect((await wire.call('POST', `/v2/team/b/blobs/uploads/?mount=${digest}&from=team/a`)).status).toBe(
      201,
    );
    expect(usedOf()).toEqual([700, 700, 700]);
    await wire.call('DELETE', `/v2/team/a/blobs/${digest}`);
    expect(usedOf()).toEqual([700, 0, 700]);
    expect(outcome(await upload('team/a', 'y'.repeat(700)))).toBe('403 DENIED');
    await wire.call('DELETE', `/v2/team/b/blobs/${digest}`);
    expect(outcome(await upload('team/a', 'y'.repeat(700)))).toBe('201');
    expect((await wire.storage.metadata.accounting.recount()).faults).toEqual([]);
  });

  test('hold for mounts, manifests, and bodies of unknown length', async () => {
    await configure(500);
    const content = 'x'.repeat(600);
    await upload('other', content);
    const digest = digestBy('sha256', content);
    const mounted = await wire.call('POST', `/v2/team/b/blobs/uploads/?mount=${digest}&from=other`);
    expect(outcome(mounted)).toBe('403 DENIED');
    await wire.blob('team/a', CONFIG);
    const body = manifest('y'.repeat(500));
    expect(outcome(await put('team/a', 'v1', body))).toBe('403 DENIED');
    expect(outcome(await put('team/a', 'v1', manifest('small')))).toBe('201');
    expect(outcome(await put('team/a', 'v2', manifest('small')))).toBe('201');
    const begun = await wire.call('POST', '/v2/team/a/blobs/uploads/');
    const sending = request(`${wire.url}${begun.headers.location}`, {
      method: 'PATCH',
      headers: { 'transfer-encoding': 'chunked' },
    });
    sending.end(content);
    const [answer] = (await once(sending, 'response')) as [{ statusCode: number; resume(): void }];
    answer.resume();
    expect(answer.statusCode).toBe(403);
    expect((await wire.call('GET', String(begun.headers.location))).status).toBe(404);
  });

  test('never are exceeded, however many push at once', async () => {
    await configure(2000);
    for (let round = 0; round < 3; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, index) =>
          upload(`team/r${index % 5}`, `${round} ${index} `.padEnd(300, 'z')),
        ),
      );
      for (const answer of answers) expect(['201', '403 DENIED']).toContain(outcome(answer));
      expect(usedOf()[0]).toBeLessThanOrEqual(2000);
    }
    expect(usedOf()[0]).toBe(1800);
    expect((await wire.storage.metadata.accounting.recount()).faults).toEqual([]);
  });

  test('that are lowered keep what is there, and let what adds nothing pass', async () => {
    await wire.blob('team/a', CONFIG);
    await put('team/a', 'v1', manifest('one'));
    await configure(10);
    expect(outcome(await put('team/a', 'v2', manifest('one')))).toBe('201');
    expect(outcome(await put('team/a', 'v2', manifest('two')))).toBe('403 DENIED');
    const mount = `/v2/team/b/blobs/uploads/?mount=${digestBy('sha256', CONFIG)}&from=team/a`;
    expect((await wire.call('POST', mount)).status).toBe(201);
  });
});
