import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lsetXattr, lutimesNs, mknod } from '#sys';
import { decodeName, encodeName, fsPath, type TarSource } from '#tar';
import { listLayers, tarBytes } from './testing.ts';
import { formsHere } from './testing/forms.ts';
import { packByGnuTar } from './testing/gnu-tar.ts';
import { unpackByUmoci } from './testing/reference.ts';
import { sharedStore } from './testing/shared-store.ts';
import { root, T } from './testing/sources.ts';
import { listTree } from './testing/tree-listing.ts';

/** A name of a file: any bytes but a slash and zero, no marker of a whiteout, neither dot nor dots. */
const name = fc
  .oneof(
    { weight: 3, arbitrary: fc.string({ minLength: 1, maxLength: 12 }) },
    {
      weight: 2,
      arbitrary: fc
        .uint8Array({ minLength: 1, maxLength: 30 })
        .map((bytes) => decodeName(Buffer.from(bytes))),
    },
    { weight: 1, arbitrary: fc.integer({ min: 90, max: 255 }).map((length) => 'n'.repeat(length)) },
  )
  .map((text) => text.replaceAll(/[/\0]/g, '_'))
  .filter(
    (text) => !text.startsWith('.wh.') && text !== '.' && text !== '..' && encodeName(text).length <= 255,
  );

const attributes = fc.record({
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.oneof(fc.nat(70_000), fc.constantFrom(2_097_151, 2_097_152, 3_000_000_000, 4_294_967_294)),
  gid: fc.oneof(fc.nat(70_000), fc.constantFrom(2_097_151, 2_097_152, 3_000_000_000)),
  // What ext4 can keep and umoci counts in 64 bits.
  mtimeNs: fc.oneof(
    fc.bigInt({ min: -2_000_000_000_000_000_000n, max: 9_223_372_036_000_000_000n }),
    fc.constantFrom(0n, 1n, -1n, 8_589_934_592_000_000_000n, T),
  ),
});

const xattrs = fc
  .uniqueArray(
    fc.tuple(
      fc.constantFrom('user.a', 'user.b=c', 'user.é', 'trusted.x', `user.${'l'.repeat(200)}`),
      // An empty value takes a record back, for umoci.
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
    ),
    { selector: ([key]) => key, maxLength: 3 },
  )
  .map(
    (pairs) =>
      new Map(pairs.filter(([key]) => !key.includes('=')).map(([key, value]) => [key, Buffer.from(value)])),
  );

const plain: fc.Arbitrary<Omit<TarSource, 'path'>> = fc.oneof(
  fc.record({ kind: fc.constant('file' as const), content: fc.uint8Array({ maxLength: 1600 }), xattrs }),
  fc.record({ kind: fc.constant('directory' as const), xattrs }),
  fc.record({
    kind: fc.constant('symlink' as const),
    linkName: fc.oneof(
      name,
      fc.integer({ min: 95, max: 400 }).map((length) => 'to/'.repeat(length / 3)),
    ),
  }),
  fc.record({ kind: fc.constant('fifo' as const) }),
  fc.record({
    kind: fc.constantFrom('char' as const, 'block' as const),
    major: fc.integer({ min: 1, max: 4095 }),
    minor: fc.nat(1_048_575),
  }),
);

/** Files in directories, no name twice; some are hard links to the one before. */
const sources: fc.Arbitrary<readonly TarSource[]> = fc
  .tuple(
    fc.uniqueArray(name, { maxLength: 4 }),
    fc.array(fc.tuple(name, fc.nat(4), plain, attributes, fc.boolean()), { maxLength: 14 }),
  )
  .map(([folders, entries]) => {
    const made: TarSource[] = [
      root,
      ...folders.map((path) => ({ path, kind: 'directory' as const, mtimeNs: T })),
    ];
    const taken = new Set(folders);
    let last: string | undefined;
    for (const [own, place, rest, its, links] of entries) {
      const folder = folders[place];
      const path = folder === undefined ? own : `${folder}/${own}`;
      if (taken.has(path) || path.length > 3000) continue;
      taken.add(path);
      if (links && last !== undefined) made.push({ path, kind: 'hardlink', linkName: last });
      else made.push({ path, ...its, ...rest });
      if (!links && rest.kind === 'file') last = path;
    }
    // A directory's time is set when nothing is put in it any more.
    return made;
  });

/** Unpacks with GNU tar, as root would. */
const unpackByGnuTar = (tar: Buffer): readonly string[] => {
  const work = mkdtempSync(join(tmpdir(), 'lade-gnu-'));
  try {
    writeFileSync(join(work, 'a.tar'), tar);
    mkdirSync(join(work, 'root'));
    const options = [
      '--xattrs',
      '--xattrs-include=*',
      '--numeric-owner',
      '--same-owner',
      '-p',
      '--delay-directory-restore',
    ];
    execFileSync('tar', [...options, '-C', join(work, 'root'), '-xf', join(work, 'a.tar')], {
      stdio: 'pipe',
    });
    return listTree(join(work, 'root'));
  } finally {
    rmSync(work, { recursive: true });
  }
};

const shown = (lines: readonly string[]): readonly string[] =>
  lines.map((line) => line.replace(/(\/ directory \S+ \S+) \S+/, '$1'));

describe.each(formsHere())('%s: the tar codec', { timeout: 300_000 }, (backend) => {
  const shared = sharedStore(backend);
  const unpack = async (tar: Buffer): Promise<readonly string[]> => {
    const source = {
      kind: 'stream',
      stream: Readable.from([tar], { objectMode: false }),
      compression: 'none',
    } as const;
    const { diffId } = await shared.store.unpack(source);
    return await listLayers(shared.store, [diffId]);
  };

  test('what we write, GNU tar, umoci and we ourselves read alike', async () => {
    await fc.assert(
      fc.asyncProperty(sources, async (entries) => {
        const tar = await tarBytes(entries);
        const gnu = unpackByGnuTar(tar);
        const umoci = unpackByUmoci([tar]);
        expect(umoci.kind === 'root' ? umoci.lines : umoci.reason).toEqual(gnu);
        expect(await unpack(tar)).toEqual(gnu);
      }),
      { numRuns: backend === 'erofs' ? 15 : 5 },
    );
  });

  /** Makes on disk what an archive's entries say. */
  const makeTree = (path: string, entries: readonly TarSource[], whole: boolean): void => {
    const at = (entry: string): string => `${path}/${entry}`;
    const types = { char: 0o020000, block: 0o060000, fifo: 0o010000 } as const;
    for (const entry of entries.slice(1)) {
      const host = fsPath(at(entry.path));
      const { kind } = entry;
      if (kind === 'directory') mkdirSync(host);
      else if (kind === 'file')
        writeFileSync(host, (entry.content as Uint8Array | undefined) ?? Buffer.alloc(0));
      else if (kind === 'symlink') symlinkSync(fsPath(entry.linkName ?? ''), host);
      else if (kind === 'hardlink') linkSync(fsPath(at(entry.linkName ?? '')), host);
      else mknod(host, types[kind] | 0o600, entry.major, entry.minor);
      if (kind === 'hardlink') continue;
      lchownSync(host, entry.uid ?? 0, entry.gid ?? 0);
      if (kind !== 'symlink') chmodSync(host, entry.mode ?? 0o755);
      for (const [key, value] of entry.xattrs ?? []) lsetXattr(host, key, value);
    }
    for (const { path: entry, kind, mtimeNs = 0n } of [...entries].toReversed()) {
      const time = whole ? (mtimeNs / 1_000_000_000n) * 1_000_000_000n : mtimeNs;
      if (kind !== 'hardlink') lutimesNs(fsPath(at(entry)), time, time);
    }
  };

  const FORMATS: readonly (readonly [string, readonly string[], (entry: TarSource) => boolean])[] = [
    ['pax', ['--format=pax', '--xattrs', '--xattrs-include=*'], () => true],
    ['pax, sparse', ['--format=pax', '-S', '--xattrs', '--xattrs-include=*'], () => true],
    ['gnu', ['--format=gnu'], (entry) => (entry.xattrs?.size ?? 0) === 0],
    ['oldgnu', ['--format=oldgnu'], (entry) => (entry.xattrs?.size ?? 0) === 0],
    [
      'ustar',
      ['--format=ustar'],
      (entry) =>
        (entry.xattrs?.size ?? 0) === 0 &&
        encodeName(entry.path).length < 90 &&
        encodeName(entry.linkName ?? '').length < 90 &&
        (entry.uid ?? 0) < 2_000_000 &&
        (entry.gid ?? 0) < 2_000_000 &&
        (entry.mtimeNs ?? 0n) >= 0n &&
        (entry.mtimeNs ?? 0n) < 8_000_000_000_000_000_000n,
    ],
    [
      'v7',
      ['--format=v7'],
      (entry) =>
        (entry.xattrs?.size ?? 0) === 0 &&
        encodeName(entry.path).length < 90 &&
        encodeName(entry.linkName ?? '').length < 90 &&
        (entry.uid ?? 0) < 2_000_000 &&
        (entry.gid ?? 0) < 2_000_000 &&
        (entry.mtimeNs ?? 0n) >= 0n &&
        (entry.mtimeNs ?? 0n) < 8_000_000_000_000_000_000n &&
        !['char', 'block', 'fifo'].includes(entry.kind),
    ],
  ];

  test.each(FORMATS)('what GNU tar writes as %s, we read as it is on disk', async (format, options, fits) => {
    await fc.assert(
      fc.asyncProperty(sources, async (all) => {
        // Links to what the format leaves out go too.
        const kept = all.filter(fits);
        const paths = new Set(kept.map(({ path }) => path));
        const entries = kept.filter(
          ({ kind, linkName, path }) =>
            (kind !== 'hardlink' || paths.has(linkName ?? '')) &&
            (!path.includes('/') || paths.has(path.slice(0, path.indexOf('/')))),
        );
        const { tar, lines } = packByGnuTar(options, (path) =>
          makeTree(path, entries, !format.startsWith('pax')),
        );
        expect(shown(await unpack(tar))).toEqual(shown(lines));
      }),
      { numRuns: backend === 'erofs' ? 12 : 3 },
    );
  });
});
