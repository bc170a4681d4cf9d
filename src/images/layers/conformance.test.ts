import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Readable } from 'node:stream';
import type { DiffId } from '#oci';
import { decodeName, type TarSource } from '#tar';
import { listLayers, listTree, openTestStore, tarBytes, type TestStore } from './testing.ts';
import { umociUnpack, writeOciLayout } from './testing/oci-layout.ts';
import type { BackendName } from './types.ts';

const at = (seconds: number, ns = 0): bigint => BigInt(seconds) * 1_000_000_000n + BigInt(ns);
const T = at(1_600_000_000, 123_456_789);
const dir = (path: string, extra: Partial<TarSource> = {}): TarSource => ({
  path,
  kind: 'directory',
  mode: 0o755,
  mtimeNs: T,
  ...extra,
});
const file = (path: string, text: string, extra: Partial<TarSource> = {}): TarSource => ({
  path,
  kind: 'file',
  mode: 0o644,
  mtimeNs: T,
  content: Buffer.from(text),
  ...extra,
});
const link = (path: string, linkName: string): TarSource => ({ path, kind: 'symlink', linkName, mtimeNs: T });
const hard = (path: string, linkName: string): TarSource => ({
  path,
  kind: 'hardlink',
  linkName,
  mode: 0o644,
  mtimeNs: T,
});
const gone = (path: string): TarSource => file(path.replace(/([^/]*)$/, '.wh.$1'), '');
const opaque = (path: string): TarSource => file(`${path}/.wh..wh..opq`, '');

const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
const root = dir('.', { mode: 0o755 });

/** Stacks whose result another tool can be asked for. */
const CASES: Readonly<Record<string, readonly (readonly TarSource[])[]>> = {
  'kinds, owners, times and attributes': [
    [
      root,
      dir('d', { mode: 0o1777, uid: 7, gid: 3_000_000_000 }),
      file('d/suid', 'x', { mode: 0o4755, uid: 1000, gid: 1000 }),
      file('d/cap', 'ping', { mode: 0o755, xattrs: new Map([['security.capability', capability]]) }),
      file('d/attr', 'a', {
        xattrs: new Map([['user.note', Buffer.from([0, 255, 1])]]),
      }),
      file('d/empty', ''),
      file('d/old', 'before 1970', { mtimeNs: -1_500_000_000n }),
      link('d/abs', '/etc/passwd'),
      link('d/long', 'x/'.repeat(600)),
      { path: 'd/null', kind: 'char', mode: 0o666, major: 1, minor: 3, mtimeNs: T },
      { path: 'd/disk', kind: 'block', mode: 0o660, major: 259, minor: 65_537, mtimeNs: T },
      { path: 'd/pipe', kind: 'fifo', mode: 0o600, mtimeNs: T },
      file('d/one', 'shared'),
      hard('d/two', 'd/one'),
      hard('d/abs2', './d/abs'),
    ],
  ],
  'names of all sorts': [
    [
      root,
      dir('n'),
      ...[
        '-',
        '+x',
        ' ',
        '.hidden',
        '..data',
        '...',
        'a\nb',
        'é',
        '日本',
        '😀',
        '\uE000',
        decodeName(Buffer.of(0xff, 0x41)),
        'l'.repeat(255),
      ].map((name) => file(`n/${name}`, name)),
      dir('many'),
      ...Array.from({ length: 700 }, (_, i) =>
        file(`many/${(i * 7919) % 700}-${'p'.repeat(i % 90)}`, String(i)),
      ),
    ],
  ],
  'whiteouts and opaque directories': [
    [
      root,
      dir('a'),
      file('a/1', '1'),
      file('a/2', '2'),
      dir('b'),
      dir('b/c'),
      file('b/c/x', 'x'),
      file('top', 't'),
      dir('e'),
      file('e/f', 'f'),
    ],
    [root, dir('a'), gone('a/1'), dir('b'), opaque('b'), file('b/new', 'n'), gone('top'), gone('e')],
    [root, dir('b'), dir('b/c'), file('b/c/y', 'y'), dir('e'), file('e/g', 'g')],
  ],
  'files and directories take each other\u2019s place': [
    [root, dir('x'), file('x/inner', 'i'), file('y', 'y'), link('z', 'x')],
    [
      root,
      file('x', 'now a file'),
      dir('y'),
      file('y/inner', 'now a directory'),
      dir('z'),
      file('z/own', 'o'),
    ],
    [root, dir('x'), file('x/again', 'a')],
  ],
  'parents that a layer does not name': [
    [root, dir('p', { mode: 0o711, uid: 5 }), dir('p/q', { mode: 0o700, gid: 9 }), file('p/q/one', '1')],
    [file('p/q/two', '2'), file('new/deep/three', '3')],
  ],
  'entries behind a link below': [
    [
      root,
      dir('usr'),
      dir('usr/lib', { mode: 0o751 }),
      file('usr/lib/a', 'a'),
      link('lib', 'usr/lib'),
      link('up', '../../usr'),
    ],
    [file('lib/b', 'b'), file('up/lib/c', 'c'), gone('lib/a')],
  ],
  'hard links to files below': [
    [
      root,
      dir('h'),
      file('h/one', 'content', { mode: 0o640, uid: 42, xattrs: new Map([['user.k', Buffer.from('v')]]) }),
      link('h/s', 'one'),
    ],
    [hard('h/two', 'h/one'), hard('three', 'h/one'), hard('h/s2', 'h/s')],
  ],
};

describe.each<BackendName>(['erofs', 'directories'])('%s: the same as umoci unpack', (backend) => {
  let opened: TestStore;
  let work = '';
  beforeAll(async () => {
    opened = await openTestStore(backend);
    work = mkdtempSync(join(tmpdir(), 'lade-umoci-'));
  });
  afterAll(async () => {
    await opened[Symbol.asyncDispose]();
    rmSync(work, { recursive: true });
  });

  const compare = async (tars: readonly Buffer[], name: string): Promise<void> => {
    const ids: DiffId[] = [];
    for (const tar of tars) {
      const info = await opened.store.unpack({
        kind: 'stream',
        stream: Readable.from([tar]),
        compression: 'none',
      });
      ids.push(info.diffId);
    }
    writeOciLayout(join(work, name), tars);
    const reference = umociUnpack(join(work, name), join(work, `${name}-bundle`));
    const ours = await listLayers(opened.store, ids);
    expect(ours.slice(1)).toEqual(listTree(reference).slice(1));
    expect(ours.length).toBeGreaterThan(3);
  };

  test.each(Object.keys(CASES))('%s', async (name) => {
    const tars: Buffer[] = [];
    for (const sources of CASES[name] ?? []) tars.push(await tarBytes(sources));
    await compare(tars, `case-${Object.keys(CASES).indexOf(name)}`);
  });

  test('a part of this machine\u2019s own system, packed by GNU tar', async () => {
    const options = { maxBuffer: 1 << 28 };
    const args = [
      '--xattrs',
      '--xattrs-include=*',
      '--format=pax',
      '-C',
      '/',
      '-cf',
      '-',
      'usr/bin/ping',
      'etc/alternatives',
      'usr/share/perl5',
      'usr/share/zoneinfo',
    ];
    const present = args.slice(6).filter((path) =>
      execFileSync('sh', ['-c', `test -e "/${path}" && echo y || echo n`])
        .toString()
        .startsWith('y'),
    );
    await compare(
      [
        execFileSync(
          'tar',
          [...args.slice(0, 6), '-', ...present].filter((a, i, all) => !(a === '-' && all[i - 1] === '-')),
          options,
        ),
      ],
      'system',
    );
  });
});
