import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { scanTar } from '#tar';
import { describe, expect, test } from 'vitest';
import { type DiffId } from '#oci';
import { unpackEntries } from './testing.ts';
import { sharedStore } from './testing/shared-store.ts';
import type { LayerWriter } from './types.ts';
import { formsHere } from './testing/forms.ts';
import { dir, file, root, T } from './testing/sources.ts';

const streamOf = (...chunks: readonly Buffer[]): Readable => Readable.from(chunks, { objectMode: false });

describe.each(formsHere())('%s: writeLayer', (backend) => {
  const shared = sharedStore(backend);

  test('takes what an earlier layer has from there, and gives the same layer as without it', async () => {
    const digests: string[] = [];
    const write =
      (changed: number, reuses: boolean) =>
      async (writer: LayerWriter): Promise<void> => {
        for (let number = 0; number < 200; number += 1) {
          const text = `${number === changed ? 'changed' : 'content'} ${number} `.repeat(
            1 + (number % 7) * 999,
          );
          const bytes = Buffer.from(text);
          const digest = createHash('sha256').update(bytes).digest('hex');
          const path = `app/${'d'.repeat(number % 120)}/file-${String(number).padStart(3, '0')}`;
          const entry = { path, kind: 'file', mode: 0o644, mtimeNs: T + BigInt(number), digest } as const;
          const taken = reuses && (await writer.reuse(entry));
          if (!taken) digests.push(digest);
          if (!taken) await writer.add({ ...entry, source: { kind: 'bytes', bytes } });
          if (number % 50 === 0)
            await writer.add({ path: `app/link-${number}`, kind: 'symlink', linkName: 'x' });
        }
      };
    await shared.store.writeLayer(write(-1, false));
    digests.length = 0;
    const one = await shared.store.writeLayer(write(100, true));
    expect(digests).toHaveLength(1);
    const plain = await shared.store.writeLayer(write(100, false));
    expect(one).toEqual(plain);
    expect(
      createHash('sha256')
        .update(readFileSync(shared.store.tarPath(one.diffId)))
        .digest('hex'),
    ).toBe(one.diffId.slice('sha256:'.length));
    await shared.store.remove(one.diffId);
    digests.length = 0;
    const again = await shared.store.writeLayer(write(100, true));
    expect(again).toEqual(one);
    await using view = await shared.store.mountReadOnly([again.diffId]);
    expect(readFileSync(`${view.path}/app/${'d'.repeat(100)}/file-100`, 'utf8')).toContain('changed 100 ');
    expect(readFileSync(`${view.path}/app/${'d'.repeat(79)}/file-199`, 'utf8')).toContain('content 199 ');
  });

  test('lets its maker build on a layer that is still being recorded', async () => {
    const recording: Promise<unknown>[] = [];
    const options = { ahead: (recorded: Promise<unknown>) => void recording.push(recorded) };
    const write =
      (name: string) =>
      (writer: LayerWriter): Promise<void> =>
        writer.add({ path: name, kind: 'file', source: { kind: 'bytes', bytes: Buffer.from(name) } });
    const one = await shared.store.writeLayer(write('ahead-one'), options);
    const two = await shared.store.writeLayer(write('ahead-two'), options);
    {
      await using view = await shared.store.mountReadOnly([one.diffId, two.diffId]);
      expect(readdirSync(view.path).toSorted()).toEqual(['ahead-one', 'ahead-two']);
    }
    expect(await Promise.all(recording)).toEqual([one, two]);
    expect([shared.store.info(one.diffId), shared.store.info(two.diffId)]).toEqual([one, two]);
    const failing: Promise<unknown>[] = [];
    const broken = shared.store.writeLayer(() => Promise.reject(new Error('no')), {
      ahead: (recorded) => void failing.push(recorded),
    });
    await expect(broken).rejects.toThrow('no');
    await expect(failing[0]).rejects.toThrow('no');
  });

  test('a layer that never becomes durable is gone with all that was seen of it', async () => {
    const protecting = Promise.withResolvers<void>();
    // Rejected before anybody asks where nothing is seen early.
    protecting.promise.catch(() => undefined);
    const lease = { protect: (): Promise<void> => protecting.promise };
    const recording: Promise<unknown>[] = [];
    const ahead = (recorded: Promise<unknown>): void => void recording.push(recorded);
    const write = (writer: LayerWriter): Promise<void> =>
      writer.add({ path: 'lost', kind: 'file', source: { kind: 'bytes', bytes: Buffer.from('lost') } });
    const writing = shared.store.writeLayer(write, { lease, ahead });
    const failed = Promise.allSettled([writing]);
    const seen = backend === 'erofs' ? await writing : undefined;
    if (seen !== undefined) {
      await using view = await shared.store.mountReadOnly([seen.diffId]);
      expect(readFileSync(join(view.path, 'lost'), 'utf8')).toBe('lost');
      expect(shared.store.info(seen.diffId)).toBeUndefined();
    }
    const above =
      seen && shared.store.createSnapshot({ id: 'above-lost', layers: [seen.diffId], kind: 'build' });
    const refused = Promise.allSettled([above]);
    protecting.reject(new Error('disk full'));
    await expect(recording[0]).rejects.toThrow('disk full');
    if (seen === undefined) expect(await failed).toMatchObject([{ status: 'rejected' }]);
    else expect(await refused).toMatchObject([{ status: 'rejected', reason: new Error('disk full') }]);
    expect(shared.leftovers()).toEqual([]);
    if (seen !== undefined) await expect(shared.store.mountReadOnly([seen.diffId])).rejects.toThrow(/not/);
    const again = await shared.store.writeLayer(write);
    await using view = await shared.store.mountReadOnly([again.diffId]);
    expect(readFileSync(join(view.path, 'lost'), 'utf8')).toBe('lost');
    expect(shared.store.info(again.diffId)).toEqual(again);
  });

  test('writes what it is given, twice the same', async () => {
    const host = join(shared.path, 'host');
    writeFileSync(host, 'y'.repeat(3_000_000));
    const write = (): Promise<{ diffId: DiffId }> =>
      shared.store.writeLayer(async (writer) => {
        await writer.add({ path: '/app/', kind: 'directory', mode: 0o700 });
        await writer.add({
          path: 'app/big',
          kind: 'file',
          source: { kind: 'path', path: host },
          mtimeNs: T,
        });
        await writer.add({
          path: 'app/small',
          kind: 'file',
          source: { kind: 'bytes', bytes: Buffer.from('s') },
          uid: 5,
        });
        await writer.add({
          path: 'app/streamed',
          kind: 'file',
          source: { kind: 'stream', stream: streamOf(Buffer.from('abc')), size: 3 },
        });
        await writer.add({ path: 'app/link', kind: 'symlink', linkName: '/app/small' });
        await writer.add({ path: 'app/hard', kind: 'hardlink', linkName: '/app/small' });
        await writer.whiteout('/etc/gone');
        await writer.opaque('/var');
      });
    const [one, two] = [await write(), await write()];
    expect(two).toEqual(one);
    const fd = openSync(shared.store.tarPath(one.diffId), 'r');
    expect([...scanTar(fd)].map((entry) => entry.path)).toEqual([
      'app/',
      'app/big',
      'app/small',
      'app/streamed',
      'app/link',
      'app/hard',
      'etc/.wh.gone',
      'var/.wh..wh..opq',
    ]);
    closeSync(fd);
    const below = await unpackEntries(shared.store, [
      root,
      dir('etc'),
      file('etc/gone', 'g'),
      dir('var'),
      file('var/x', 'x'),
    ]);
    await using view = await shared.store.mountReadOnly([below, one.diffId]);
    expect(readFileSync(join(view.path, 'app/big')).length).toBe(3_000_000);
    expect(readdirSync(join(view.path, 'etc'))).toEqual([]);
    expect(readdirSync(join(view.path, 'var'))).toEqual([]);
  });

  test('leaves nothing when the writer fails', async () => {
    await expect(
      shared.store.writeLayer(async (writer) => {
        await writer.add({
          path: 'a',
          kind: 'file',
          source: { kind: 'stream', stream: streamOf(Buffer.from('abc')), size: 4 },
        });
      }),
    ).rejects.toThrow(/instead of 4/);
    expect(shared.leftovers()).toEqual([]);
  });
});
