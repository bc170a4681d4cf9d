import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openDatabase } from '#database';
import fc from 'fast-check';
import { sha256Of, type Digest } from '#oci';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openMetadata, readManifest, type MetadataStore, type TagMove } from './index.ts';
import { createJournal } from './journal.ts';
import { createTagHistory } from './tag-history.ts';

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const cause = {
  actor: 'ann',
  address: '192.0.2.1',
  client: 'docker/28 "quoted" \\ é \u0001',
  requestId: 'r1',
};

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lade-tag-history-'));
  path = join(dir, 'db');
});
afterEach(() => rm(dir, { recursive: true }));

const CONFIG = '{}';

const manifestOf = (content: string): { readonly bytes: Buffer; readonly digest: Digest } => {
  const config = { mediaType: 'application/x', digest: sha256Of(CONFIG), size: CONFIG.length };
  const annotations = { content };
  const body = { schemaVersion: 2, mediaType: OCI_IMAGE, config, layers: [], annotations };
  const bytes = Buffer.from(JSON.stringify(body));
  return { bytes, digest: sha256Of(bytes) };
};

const push = async (
  store: MetadataStore,
  repository: string,
  tag: string,
  content: string,
): Promise<Digest> => {
  const { bytes, digest } = manifestOf(content);
  await store.contents.linkBlob({ repository, digest: sha256Of(CONFIG), size: 2, how: 'push', cause });
  const facts = readManifest(bytes, OCI_IMAGE);
  await store.contents.putManifest({ repository, digest, bytes, facts, tags: [tag], cause });
  return digest;
};

const all = (store: MetadataStore): readonly TagMove[] => store.tagHistory.entries({ limit: 10_000 });

const removeManifest = (store: MetadataStore, repository: string, digest: Digest): Promise<boolean> =>
  store.contents.removeManifest({
    repository,
    target: { digest, mediaType: OCI_IMAGE, size: 1 },
    cause,
  });

const addFunctions = (sqlite: DatabaseSync): void =>
  sqlite.function('sha256', { deterministic: true }, (text) =>
    createHash('sha256').update(String(text)).digest('hex'),
  );

/** Changes the file as somebody would who is not the registry. */
const tamper = (...statements: readonly string[]): void => {
  const sqlite = new DatabaseSync(path);
  addFunctions(sqlite);
  sqlite.exec('DROP TRIGGER tag_history_not_changed; DROP TRIGGER tag_history_not_removed');
  for (const statement of statements) sqlite.exec(statement);
  sqlite.close();
};

describe('the history of tags', () => {
  test('has every move with who, when and with what; the same digest again is none', async () => {
    await using store = await openMetadata(path);
    const begun = Date.now() - 1;
    const one = await push(store, 'a', 'v1', 'one');
    await push(store, 'a', 'v1', 'one');
    const two = await push(store, 'a', 'v1', 'two');
    await store.contents.removeTag({ repository: 'a', target: 'v1', cause });
    await push(store, 'a', 'v1', 'two');
    await push(store, 'a', 'latest', 'two');
    await removeManifest(store, 'a', two);
    expect(all(store).map(({ tag, from, to, reason }) => [tag, from, to, reason])).toEqual([
      ['v1', undefined, one, 'push'],
      ['v1', one, two, 'push'],
      ['v1', two, undefined, 'delete'],
      ['v1', undefined, two, 'push'],
      ['latest', undefined, two, 'push'],
      ...['latest', 'v1'].map((tag) => [tag, two, undefined, 'delete-manifest']),
    ]);
    for (const move of all(store)) {
      expect(move).toMatchObject({ repository: 'a', actor: 'ann', address: '192.0.2.1', requestId: 'r1' });
      expect(move.client).toBe('docker/28 "quoted" \\ é  ');
      expect(move.atMs).toBeGreaterThanOrEqual(begun);
      expect(move.atMs).toBeLessThanOrEqual(Date.now() + 1);
    }
    expect(await store.tagHistory.verify()).toMatchObject({ entries: 7, faults: [] });
    expect(store.tagHistory.entries({ repository: 'a', tag: 'latest', limit: 9, newestFirst: true })).toEqual(
      [all(store)[5], all(store)[4]].map((move, index) =>
        index === 0 ? expect.objectContaining({ to: undefined }) : move,
      ),
    );
  });

  test('what fails leaves neither an entry nor its cause', async () => {
    await using store = await openMetadata(path);
    const { bytes, digest } = manifestOf('x');
    const facts = readManifest(bytes, OCI_IMAGE);
    const put = { repository: 'a', digest, bytes, facts, tags: ['v1'], cause };
    await expect(store.contents.putManifest(put)).rejects.toThrow(/unknown to this repository/);
    expect(all(store)).toEqual([]);
    expect(await store.tagHistory.verify()).toMatchObject({ entries: 0, faults: [] });
  });

  test('moves made past the registry are recorded, of nobody', async () => {
    await (async () => {
      await using store = await openMetadata(path);
      await push(store, 'a', 'v1', 'one');
    })();
    const sqlite = new DatabaseSync(path);
    addFunctions(sqlite);
    sqlite.exec('DELETE FROM tags');
    expect(() => sqlite.exec('UPDATE tag_history SET actor = 1')).toThrow(/append-only/);
    expect(() => sqlite.exec('DELETE FROM tag_history')).toThrow(/append-only/);
    sqlite.close();
    await using store = await openMetadata(path);
    expect(all(store)[1]).toMatchObject({ to: undefined, reason: 'unknown', actor: 'system:registry' });
    expect(await store.tagHistory.verify()).toMatchObject({ entries: 2, faults: [] });
  });

  const python = '/usr/bin/python3';
  const noPython = existsSync(python) ? '' : ' (needs python3)';
  test.skipIf(noPython !== '')(`anybody can verify the chain${noPython}`, async () => {
    await using store = await openMetadata(path);
    await push(store, 'a', 'v1', 'one');
    await push(store, 'b/c', 'v1', 'two');
    await store.contents.removeTag({ repository: 'a', target: 'v1', cause });
    const program = `
import hashlib, json, sys
previous = "0" * 64
for m in json.load(sys.stdin):
    fields = [m.get(k) for k in ("id", "atMs", "repository", "tag", "from", "to", "reason", "actor", "address", "client", "requestId")]
    text = json.dumps(fields + [previous], separators=(",", ":"), ensure_ascii=False)
    previous = hashlib.sha256(text.encode()).hexdigest()
    assert previous == m["hash"], text
print(previous)`;
    const answer = execFileSync(python, ['-c', program], { input: JSON.stringify(all(store)) });
    expect(answer.toString().trim()).toBe(store.tagHistory.head().hash);
  });
});

describe('verification', () => {
  const COLUMNS = ['at_ms', 'repository', 'tag', 'from_digest', 'to_digest', 'reason', 'actor'];
  const MORE = ['address', 'client', 'request_id', 'previous', 'hash'];

  const fill = async (): Promise<string> => {
    await using store = await openMetadata(path);
    for (const content of ['one', 'two', 'three']) await push(store, 'a', 'v1', content);
    await push(store, 'b', 'v1', 'one');
    return store.tagHistory.head().hash;
  };

  /** Verifies without a writer: many times faster. */
  const faultsIn = async (copy: string): Promise<readonly unknown[]> => {
    await using database = await openDatabase({ path: copy, migrations: [], readOnly: true });
    const guards = { requireMovable: () => undefined, tagStatement: () => ({ sql: '' }) };
    return (await createTagHistory(database, createJournal(database), guards).verify()).faults;
  };

  const faults = async (head?: string): Promise<readonly string[]> => {
    await using store = await openMetadata(path);
    return (await store.tagHistory.verify({ head })).faults.map(({ problem }) => problem);
  };

  test.each([...COLUMNS, ...MORE])('finds a changed %s of any entry', async (column) => {
    await fill();
    for (const id of [1, 2, 4]) {
      const copy = `${path}.${id}`;
      tamperCopy(
        copy,
        `UPDATE tag_history SET ${column} = CASE WHEN ${column} IS NULL THEN 'x'
        WHEN typeof(${column}) = 'integer' THEN ${column} + 1
        ELSE substr(${column}, 1, length(${column}) - 1) || char(unicode(substr(${column}, -1)) + 1) END WHERE id = ${id}`,
      );
      expect(await faultsIn(copy), `${column} of ${id}`).not.toEqual([]);
    }
  });

  const tamperCopy = (copy: string, statement: string): void => {
    copyFileSync(path, copy);
    const own = path;
    path = copy;
    tamper(statement);
    path = own;
  };

  test('finds any change of any character anywhere', async () => {
    await fill();
    const text = [...COLUMNS.slice(1), ...MORE];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...text),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(70),
        fc.constantFrom('x', '0', ' ', 'é', ''),
        async (column, id, at, other) => {
          const copy = `${path}.${String(Math.random())}`;
          const place = `(${at} % length(${column}))`;
          tamperCopy(
            copy,
            `UPDATE tag_history SET ${column} = substr(${column}, 1, ${place}) || '${other}'
             || substr(${column}, ${place} + 2) WHERE id = ${id} AND length(${column}) > 0`,
          );
          const before = new DatabaseSync(path, { readOnly: true });
          const after = new DatabaseSync(copy, { readOnly: true });
          const read = (sqlite: DatabaseSync): string =>
            JSON.stringify(sqlite.prepare('SELECT * FROM tag_history ORDER BY id').all());
          const same = read(before) === read(after);
          before.close();
          after.close();
          expect((await faultsIn(copy)).length > 0).toBe(!same);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('finds removed, swapped and added entries', async () => {
    const head = await fill();
    expect(await faults(head)).toEqual([]);
    for (const statement of [
      'DELETE FROM tag_history WHERE id = 2',
      'DELETE FROM tag_history WHERE id = 1',
      'UPDATE tag_history SET id = 9 WHERE id = 1; UPDATE tag_history SET id = 1 WHERE id = 2; UPDATE tag_history SET id = 2 WHERE id = 9',
      "INSERT INTO tag_history (at_ms, repository, tag, to_digest, reason, actor) VALUES (1, 'a', 'v1', 'x', 'push', 'eve')",
    ]) {
      const copy = `${path}.${String(Math.random())}`;
      tamperCopy(copy, statement);
      expect(await faultsIn(copy), statement).not.toEqual([]);
    }
  });

  test('finds a history cut short by the head noted before', async () => {
    const head = await fill();
    await (async () => {
      await using store = await openMetadata(path);
      await push(store, 'c', 'v1', 'one');
      expect(await store.tagHistory.verify({ head })).toMatchObject({ entries: 5, noted: 4, faults: [] });
    })();
    tamper(
      'DELETE FROM tag_history WHERE id >= 4',
      'DROP TRIGGER tags_removed',
      "DELETE FROM tags WHERE repository <> 'a'",
    );
    expect(await faults()).toEqual([]);
    expect(await faults(head)).toEqual([expect.stringContaining('cut short')]);
  });

  test('finds tags moved behind the history', async () => {
    await fill();
    tamper(
      'DROP TRIGGER tags_moved',
      'DROP TRIGGER tags_made',
      `UPDATE tags SET digest = '${manifestOf('one').digest}' WHERE repository = 'a'`,
      "INSERT INTO tags SELECT repository, 'new', digest, 0 FROM tags WHERE repository = 'b'",
    );
    expect(await faults()).toEqual([
      expect.stringContaining('its history says'),
      expect.stringContaining('does not know of the tag'),
    ]);
  });
});

describe('restoring', () => {
  test('to before the last move, to an entry, to a time; each is a move', async () => {
    await using store = await openMetadata(path);
    const one = await push(store, 'a', 'v1', 'one');
    const two = await push(store, 'a', 'v1', 'two');
    const restore = (point: Parameters<typeof store.tagHistory.restore>[0]['point']) =>
      store.tagHistory.restore({ repository: 'a', tag: 'v1', point, cause: { actor: 'bob' } });
    expect(await restore({ kind: 'previous' })).toEqual({ digest: one, moved: true });
    expect(store.contents.tagged('a', 'v1')).toBe(one);
    expect(all(store).at(-1)).toMatchObject({ from: two, to: one, reason: 'restore', actor: 'bob' });
    expect(await restore({ kind: 'entry', id: 2 })).toEqual({ digest: two, moved: true });
    expect(await restore({ kind: 'entry', id: 2 })).toEqual({ digest: two, moved: false });
    await store.contents.removeTag({ repository: 'a', target: 'v1', cause });
    const { atMs } = all(store)[0] ?? { atMs: 0 };
    expect(await restore({ kind: 'time', atMs: Date.now() - 1e9 }).catch(String)).toContain(
      'there was no a:v1',
    );
    expect(await restore({ kind: 'previous' })).toEqual({ digest: two, moved: true });
    if (atMs < (all(store)[1]?.atMs ?? 0))
      expect(await restore({ kind: 'time', atMs })).toEqual({ digest: one, moved: true });
    await expect(restore({ kind: 'entry', id: 4711 })).rejects.toThrow(/entry 4711 is none/);
    expect(await store.tagHistory.verify()).toMatchObject({ faults: [] });
  });

  test('says what is missing', async () => {
    await using store = await openMetadata(path);
    const restore = () =>
      store.tagHistory.restore({ repository: 'a', tag: 'v1', point: { kind: 'previous' }, cause });
    await expect(restore()).rejects.toThrow(/no history of a:v1/);
    const one = await push(store, 'a', 'v1', 'one');
    await expect(restore()).rejects.toThrow(/there was no a:v1 before its last move/);
    await removeManifest(store, 'a', one);
    const gone = await restore().catch((error: unknown) => error);
    expect(gone).toMatchObject({ message: expect.stringContaining('no longer has that manifest') });
    const [removal] = store.collection.removals({ limit: 1, clientDeletes: true });
    expect(gone).toMatchObject({ hint: expect.stringContaining(`gc undo ${removal?.id ?? '?'}`) });
    expect(store.contents.tagged('a', 'v1')).toBeUndefined();
    await store.collection.undoRemoval(removal?.id ?? '', cause);
    expect(store.contents.tagged('a', 'v1')).toBe(one);
    expect(all(store).at(-1)).toMatchObject({ from: undefined, to: one, reason: 'restore' });
  });
});

test('any order of pushes, retags, removals and restores leaves a chain that verifies', async () => {
  const step = fc.record({
    kind: fc.constantFrom('push', 'untag', 'remove', 'restore'),
    repository: fc.constantFrom('a', 'b/c'),
    tag: fc.constantFrom('v1', 'v2'),
    content: fc.constantFrom('one', 'two', 'three'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const own = join(dir, String(Math.random()));
      await using store = await openMetadata(own);
      const run = async ({ kind, repository, tag, content }: (typeof steps)[number]): Promise<unknown> => {
        if (kind === 'push') return push(store, repository, tag, content);
        if (kind === 'untag') return store.contents.removeTag({ repository, target: tag, cause });
        if (kind === 'remove') return removeManifest(store, repository, manifestOf(content).digest);
        return store.tagHistory
          .restore({ repository, tag, point: { kind: 'previous' }, cause })
          .catch(() => undefined);
      };
      for (let at = 0; at < steps.length; at += 4) await Promise.all(steps.slice(at, at + 4).map(run));
      const report = await store.tagHistory.verify();
      expect(report.faults).toEqual([]);
      expect(report.entries).toBe(all(store).length);
      const replayed = new Map<string, string>();
      for (const { repository, tag, to } of all(store))
        if (to === undefined) replayed.delete(`${repository}:${tag}`);
        else replayed.set(`${repository}:${tag}`, to);
      const now = ['a', 'b/c'].flatMap((repository) =>
        store.contents
          .tags(repository, { limit: 100, after: '' })
          .map((tag) => [`${repository}:${tag}`, store.contents.tagged(repository, tag)]),
      );
      expect(Object.fromEntries(replayed)).toEqual(Object.fromEntries(now));
    }),
    { numRuns: 15 },
  );
});
