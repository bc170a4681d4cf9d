import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { project } from '../lade.ts';
import { mustRun, run } from '../process.ts';

/** Base images that the corpus builds on, by the last part of their name `corpus/…`. */
export type BaseName = 'busybox' | 'debian' | 'node';

interface Recipe {
  readonly base?: BaseName;
  /** Writes `layer.tar`, beside which it may leave nothing that is needed later. */
  readonly script: string;
  readonly config: readonly string[];
}

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const BUSYBOX = `
  mkdir -p r/bin r/etc r/tmp r/root r/var/spool/mail r/usr/sbin; chmod 1777 r/tmp; chmod 700 r/root
  cp "$(command -v busybox)" r/bin/busybox
  for applet in $(r/bin/busybox --list); do [ -e r/bin/$applet ] || ln -s busybox r/bin/$applet; done
  printf 'root:x:0:0:root:/root:/bin/sh\\nweb:x:1000:1001::/home/web:/bin/sh\\n' > r/etc/passwd
  printf 'root:x:0:\\nstaff:x:50:web\\nweb:x:1001:\\n' > r/etc/group
  tar -C r --sort=name --numeric-owner --owner=0 --group=0 --mtime=@1700000000 -cf layer.tar .`;

/** `usr-is-merged` instead of `usrmerge`, which brings all of perl. */
const INCLUDE =
  'usr-is-merged,ca-certificates,tcc,make,libc6-dev,musl-dev,python3-venv,libcap2-bin,libstdc++6,libatomic1';
const LEFT_OUT = ['doc', 'man', 'locale', 'info', 'zoneinfo', 'i18n', 'lintian'];

const DEBIAN = `mmdebstrap --quiet --variant=minbase --include=${INCLUDE} \
  --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
  ${LEFT_OUT.map((name) => `--dpkgopt='path-exclude=/usr/share/${name}/*'`).join(' ')} bookworm layer.tar`;

/** The project's own Node, and the npm of this machine. */
const NODE = `
  mkdir -p r/usr/local/bin r/usr/local/lib/node_modules
  cp "$LADE_NODE" r/usr/local/bin/node
  cp -a "$LADE_NPM" r/usr/local/lib/node_modules/npm
  ln -s ../lib/node_modules/npm/bin/npm-cli.js r/usr/local/bin/npm
  tar -C r --sort=name --numeric-owner --owner=0 --group=0 --mtime=@1700000000 -cf layer.tar .`;

const RECIPES: Readonly<Record<BaseName, Recipe>> = {
  busybox: { script: BUSYBOX, config: ['--config.cmd', '/bin/sh'] },
  debian: { script: DEBIAN, config: ['--config.cmd', 'bash'] },
  node: { base: 'debian', script: NODE, config: ['--config.cmd', 'node'] },
};

export const BASES: readonly BaseName[] = ['busybox', 'debian', 'node'];

const npmFolder = async (): Promise<string> =>
  dirname(dirname((await mustRun('sh', ['-c', 'readlink -f "$(command -v npm)"'])).stdout.trim()));

const addImage = async (work: string, layout: string, name: BaseName): Promise<void> => {
  const { base, script, config } = RECIPES[name];
  const image = `${layout}:${name}`;
  const node = join(project, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  const env = { ...process.env, LADE_NODE: node, LADE_NPM: await npmFolder() };
  const folder = join(work, name);
  mkdirSync(folder);
  await mustRun('sh', ['-ec', script], { cwd: folder, env, timeoutMs: 300_000 });
  await (base === undefined
    ? mustRun('umoci', ['new', '--image', image])
    : mustRun('umoci', ['tag', '--image', `${layout}:${base}`, name]));
  const history = ['--history.created_by', `corpus base ${name}`];
  const tar = join(folder, 'layer.tar');
  await mustRun('umoci', ['raw', 'add-layer', '--image', image, ...history, tar], { timeoutMs: 300_000 });
  await mustRun('umoci', ['config', '--no-history', '--image', image, '--config.env', PATH, ...config]);
  rmSync(folder, { recursive: true });
};

/**
 * An OCI layout with the base images under their names, made from this machine's packages: once for as long as the
 * recipes stay the same (about 40 s), then taken from `.cache`.
 */
export const baseLayout = async (): Promise<string> => {
  const key = createHash('sha256').update(JSON.stringify(RECIPES)).digest('hex').slice(0, 12);
  const folder = join(project, '.cache', 'corpus');
  const layout = join(folder, key);
  if (existsSync(layout)) return layout;
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, 'making-'));
  try {
    await mustRun('umoci', ['init', '--layout', join(work, 'layout')]);
    for (const name of BASES) await addImage(work, join(work, 'layout'), name);
    // Another run may have been faster.
    if (!existsSync(layout)) renameSync(join(work, 'layout'), layout);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return layout;
};

/** What the base images cannot be made without; undefined when nothing is missing. */
export const missingForBases = async (): Promise<string | undefined> => {
  for (const tool of ['umoci', 'skopeo', 'busybox', 'mmdebstrap', 'npm'])
    if ((await run('sh', ['-c', `command -v ${tool}`])).code !== 0) return tool;
  return undefined;
};
