/**
 * Makes dist/: compiled modules with types for library users, and dist/bundle/ with the programs and their workers.
 *
 * With `--if-stale` it does nothing when no source file changed since the last build.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { bundleCli } from './bundle-cli.ts';
import { lazyBuiltins } from './lazy-builtins.ts';

const project = join(import.meta.dirname, '..');
const finished = join(project, 'dist');
/** Built beside and renamed, so that a failed build leaves the last good one in place. */
const dist = `${finished}.new`;
const stamp = join(finished, '.sources');

interface Package {
  readonly imports: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const readPackage = (): Package => JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as Package;

/** One hash over everything the build reads. */
const sourcesHash = (): string => {
  const files = globSync('src/**/*.ts', { cwd: project }).filter((file) => !file.endsWith('.test.ts'));
  const hash = createHash('sha256');
  for (const file of [
    ...files.toSorted(),
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'tools/build.ts',
    'tools/bundle-cli.ts',
    'tools/cli-bytecode.ts',
  ])
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(project, file)));
  return hash.digest('hex');
};

const compile = (): void => {
  const tsc = join(project, 'node_modules', '.bin', 'tsc');
  const result = spawnSync(tsc, ['-p', 'tsconfig.build.json', '--outDir', dist], {
    cwd: project,
    stdio: 'inherit',
  });
  if (result.status !== 0) throw new Error('tsc failed');
};

/** Node resolves `#room` by the nearest package.json: in dist/ it points at the compiled doors. */
const writeImports = (): void => {
  const imports = Object.entries(readPackage().imports).map(([name, path]) => [
    name,
    path.replace('./src/', './').replace(/\.ts$/, '.js'),
  ]);
  const manifest = { type: 'module', imports: Object.fromEntries(imports) as Record<string, string> };
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
};

/** The programs by face, and every worker and helper process by its own file name. */
const entryPoints = (): Record<string, string> => {
  const faces = ['daemon', 'registryd'].map((face) => [face, `src/faces/${face}/main.ts`]);
  const processes = globSync('src/**/*.{worker,main}.ts', { cwd: project }).map((file) => [
    basename(file, '.ts'),
    file,
  ]);
  const entries = [...faces, ...processes];
  const twice = entries.find(([name], index) => entries.findIndex(([other]) => other === name) !== index);
  if (twice !== undefined) throw new Error(`two entry points are named ${twice[0]}`);
  return Object.fromEntries(entries) as Record<string, string>;
};

const bundle = async (): Promise<void> => {
  await build({
    absWorkingDir: project,
    entryPoints: entryPoints(),
    outdir: join(dist, 'bundle'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    minify: true,
    legalComments: 'none',
    external: ['koffi', 'pino'],
    plugins: [lazyBuiltins],
    logLevel: 'warning',
    banner: {
      js: "import { createRequire as ladeRequire } from 'node:module'; const require = ladeRequire(import.meta.url);",
    },
  });
};

const hash = sourcesHash();
const fresh = existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
if (!(process.argv.includes('--if-stale') && fresh)) {
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  compile();
  writeImports();
  await bundle();
  await bundleCli(project, join(dist, 'bundle'));
  writeFileSync(join(dist, '.sources'), hash);
  rmSync(finished, { recursive: true, force: true });
  renameSync(dist, finished);
}
