import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

const FILES: Readonly<Record<string, number>> = {
  'a.txt': 0o644,
  'b.txt': 0o600,
  'c.md': 0o644,
  'sp ace.txt': 0o644,
  '[x].txt': 0o644,
  'st*r.txt': 0o644,
  '.hidden': 0o644,
  exec: 0o755,
  suid: 0o4755,
  'dir/f1': 0o644,
  'dir/f2.log': 0o640,
  'dir/sub/g1': 0o600,
  'dir/sub/deep/h.txt': 0o644,
  'dir/sub/.dot': 0o644,
  'p/q/r.txt': 0o644,
  'p/q/s/t.txt': 0o644,
  'p2/q/r.txt': 0o755,
  'p2/q/u.log': 0o644,
  hard1: 0o644,
};

const LINKS: Readonly<Record<string, string>> = {
  'link-file': 'a.txt',
  'link-dir': 'dir',
  'link-abs': '/a.txt',
  'link-broken': 'nowhere',
  'link-out': '../../../../etc/hostname',
  'link-loop': 'link-loop',
  'dir/in-link': 'f1',
  'dir/up-link': '../a.txt',
};

const ARCHIVES: readonly (readonly [name: string, option: string])[] = [
  ['x.tar', '-cf'],
  ['x.tar.gz', '-czf'],
  ['x.tar.bz2', '-cjf'],
  ['x.tar.xz', '-cJf'],
  ['x.tar.zst', '--zstd -cf'],
];

const makeArchives = (path: string): void => {
  const inside = join(path, '..', 'archived');
  mkdirSync(join(inside, 'd'), { recursive: true });
  writeFileSync(join(inside, 'd/i'), 'in the archive', { mode: 0o640 });
  chmodSync(join(inside, 'd'), 0o2750);
  symlinkSync('d/i', join(inside, 'l'));
  const own = ['--owner=5', '--group=6', '--numeric-owner', '--sort=name', '--mtime=@1577836800'];
  for (const [name, option] of ARCHIVES)
    execFileSync('tar', [...option.split(' '), join(path, name), ...own, '-C', inside, 'd', 'l']);
  const tar = readFileSync(join(path, 'x.tar'));
  writeFileSync(join(path, 'cut.tar'), tar.subarray(0, 300));
  execFileSync('sh', ['-c', 'printf hello | gzip -n > "$1"', 'sh', join(path, 'text.gz')]);
  rmSync(inside, { recursive: true });
};

/** Fills an empty directory with everything that copying treats differently. */
export const makeCopyContext = (path: string): void => {
  for (const [name, mode] of Object.entries(FILES)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), `content of ${name}\n`);
    chmodSync(join(path, name), mode);
  }
  mkdirSync(join(path, 'dir/empty'));
  mkdirSync(join(path, 'void'));
  for (const [name, mode] of [
    ['dir', 0o750],
    ['dir/sub', 0o700],
    ['dir/empty', 0o1777],
    ['p/q', 0o711],
  ] as const)
    chmodSync(join(path, name), mode);
  for (const [name, target] of Object.entries(LINKS)) symlinkSync(target, join(path, name));
  linkSync(join(path, 'hard1'), join(path, 'hard2'));
  execFileSync('mkfifo', ['-m', '622', join(path, 'fifo')]);
  makeArchives(path);
};

/** One line for each file: kind, mode, owner, what it holds; names of one file point to the first of them. */
export const describeTree = (root: string): readonly string[] => {
  const seen = new Map<bigint, string>();
  const lines: string[] = [];
  const visit = (name: string): void => {
    const path = join(root, name);
    const stats = lstatSync(path, { bigint: true });
    const mode = (stats.mode & 0o7777n).toString(8);
    const owner = `${stats.uid}:${stats.gid}`;
    if (stats.isDirectory()) {
      if (name !== '') lines.push(`${name}/ ${mode} ${owner}`);
      for (const child of readdirSync(path).toSorted()) visit(name === '' ? child : `${name}/${child}`);
    } else if (stats.isSymbolicLink()) lines.push(`${name} -> ${readlinkSync(path)} ${owner}`);
    else if (stats.isFIFO()) lines.push(`${name} fifo ${mode} ${owner}`);
    else {
      const first = stats.nlink > 1n ? seen.get(stats.ino) : undefined;
      seen.set(stats.ino, name);
      const text = first === undefined ? contentOf(path) : `= ${first}`;
      lines.push(`${name} ${mode} ${owner} ${text}`);
    }
  };
  visit('');
  return lines;
};

const contentOf = (path: string): string => {
  const bytes = readFileSync(path);
  const text = bytes.toString('utf8');
  return /^[\x20-\x7e\n]*$/u.test(text) && text.length < 80
    ? JSON.stringify(text)
    : `sha256:${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
};
