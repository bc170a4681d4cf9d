/** A root as a power cut leaves it. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { mustRun } from '../../support/process.ts';
import { contentAfterCut, type DirectoryNode, type Disk, type DiskNode, type FileNode } from './disk.ts';
import { hexOf } from './images.ts';
import { MODELLED } from './recording.ts';

/** A view of the disk that no longer changes. */
export interface Cut {
  readonly root: DirectoryNode;
  names(directory: DirectoryNode): ReadonlyMap<string, DiskNode>;
  content(file: FileNode): Buffer;
}

/** `keep` decides of each page and each name that was not synchronised. */
export const cutOf = (disk: Disk, keep: () => boolean): Cut => {
  const contents = new Map<FileNode, Buffer>();
  return {
    root: disk.root,
    names: disk.namesAfterCut(keep),
    content(file) {
      const known = contents.get(file) ?? contentAfterCut(file, keep);
      contents.set(file, known);
      return known;
    },
  };
};

const nodeAt = (cut: Cut, path: string): DiskNode | undefined =>
  path
    .split('/')
    .reduce<DiskNode | undefined>(
      (node, name) => (node?.kind === 'directory' ? cut.names(node).get(name) : undefined),
      cut.root,
    );

/** Content of a file below the root; undefined where there is none. */
export const fileAt = (cut: Cut, path: string): Buffer | undefined => {
  const node = nodeAt(cut, path);
  return node?.kind === 'file' ? cut.content(node) : undefined;
};

const hashes = new WeakMap<Buffer, string>();

export const hashOf = (content: Buffer): string => {
  const known = hashes.get(content) ?? hexOf(content);
  hashes.set(content, known);
  return known;
};

export interface Records {
  /** Images by canonical reference. */
  readonly references: ReadonlyMap<string, string>;
  readonly images: ReadonlySet<string>;
  /** Records whose files are not whole, and images whose parts have no record. */
  readonly broken: readonly string[];
}

const rows = <T>(database: DatabaseSync, sql: string): readonly T[] =>
  database.prepare(sql).all() as unknown as readonly T[];

const brokenOf = (database: DatabaseSync, cut: Cut): readonly string[] => {
  const blobs = rows<{ digest: string }>(database, 'SELECT digest FROM blobs').map(({ digest }) => ({
    digest,
    path: `blobs/${digest.replace(':', '/')}`,
  }));
  const layers = rows<{ digest: string }>(database, 'SELECT diff_id AS digest FROM layers').map(
    ({ digest }) => ({
      digest,
      path: `layers/${digest.slice(7)}/layer.tar`,
    }),
  );
  const damaged = [...blobs, ...layers].flatMap(({ digest, path }) => {
    const content = fileAt(cut, path);
    if (content === undefined) return [`${path} is recorded and gone`];
    return !digest.startsWith('sha256:') || `sha256:${hashOf(content)}` === digest
      ? []
      : [`${path} has other content`];
  });
  const lacking = rows<{ image: string; digest: string }>(
    database,
    `SELECT image, diff_id AS digest FROM image_layers WHERE diff_id NOT IN (SELECT diff_id FROM layers)
     UNION SELECT id, id FROM images WHERE id NOT IN (SELECT digest FROM blobs)`,
  );
  return [...damaged, ...lacking.map(({ image, digest }) => `image ${image} lacks ${digest}`)];
};

/** What the database says after its own recovery, compared with the files; `work` is a directory for its files. */
export const recordsOf = (cut: Cut, work: string): Records => {
  mkdirSync(work, { recursive: true });
  for (const name of ['lade.db', 'lade.db-wal']) {
    const content = fileAt(cut, name);
    if (content === undefined) rmSync(join(work, name), { force: true });
    else writeFileSync(join(work, name), content);
  }
  rmSync(join(work, 'lade.db-shm'), { force: true });
  const database = new DatabaseSync(join(work, 'lade.db'));
  try {
    const references = rows<{ reference: string; image: string }>(
      database,
      'SELECT reference, image FROM image_references',
    );
    return {
      references: new Map(references.map(({ reference, image }) => [reference, image])),
      images: new Set(rows<{ id: string }>(database, 'SELECT id FROM images').map(({ id }) => id)),
      broken: brokenOf(database, cut),
    };
  } finally {
    database.close();
  }
};

const writeNode = (cut: Cut, node: DiskNode, path: string): void => {
  if (node.kind === 'file') {
    writeFileSync(path, cut.content(node), { mode: 0o600 });
    return;
  }
  mkdirSync(path, { recursive: true, mode: 0o711 });
  for (const [name, child] of cut.names(node)) writeNode(cut, child, join(path, name));
};

/** Makes the root at `target`, as another start of the machine would find it. */
export const materialise = async (
  cut: Cut,
  { base, modelled = MODELLED }: { readonly base: string; readonly modelled?: readonly string[] },
  target: string,
): Promise<void> => {
  await mustRun('cp', ['-a', base, target]);
  for (const name of [...modelled, ...modelled.map((one) => one.replace('.db-wal', '.db-shm'))])
    rmSync(join(target, name), { recursive: true, force: true });
  for (const [name, node] of cut.names(cut.root)) writeNode(cut, node, join(target, name));
};
