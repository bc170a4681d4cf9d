/**
 * The command line as CommonJS: `cli.cjs`, and one file below `cli/` for everything it imports on demand, each with all
 * it needs. A verb then reads two files of which it uses most; the same as ESM chunks takes Node 10 ms longer.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** What every file begins with: where its neighbours are, and its address as if it were `cli.cjs`. */
const PROLOGUE = [
  `const ladeFiles = /\\/cli\\.cjs$/.test(__filename) ? __dirname + '/cli/' : __filename.replace(/(.*\\/cli\\/).*/, '$1');`,
  `const ladeUrl = require('node:url').pathToFileURL(ladeFiles.slice(0, -1) + '.cjs').href;`,
].join('\n');

/** Takes what the face imports on demand out of the file that does so, and notes its name. */
const apart = (sources: string, face: string, found: Set<string>): Plugin => ({
  name: 'apart',
  setup(builder) {
    builder.onResolve({ filter: /^[.#]/ }, async ({ path, pluginData, ...rest }) => {
      if (pluginData === 'resolving') return undefined;
      const resolved = await builder.resolve(path, { ...rest, pluginData: 'resolving' });
      if (rest.kind === 'dynamic-import' && resolved.path.startsWith(`${face}/`)) {
        const name = relative(face, resolved.path).replace(/\.ts$/, '');
        found.add(name);
        return { path: `lade:${name}`, external: true };
      }
      // No module of ours does anything when it is loaded, but the entry: what nobody uses is left out.
      return resolved.path.startsWith(`${sources}/`) ? { path: resolved.path, sideEffects: false } : resolved;
    });
  },
});

/** Writes the command line's files into `directory`. */
export const bundleCli = async (project: string, directory: string): Promise<void> => {
  const sources = join(project, 'src');
  const face = join(sources, 'faces', 'cli');
  const found = new Set<string>();
  const compile = async (entryPoints: Record<string, string>): Promise<void> => {
    await build({
      absWorkingDir: project,
      entryPoints,
      outdir: directory,
      outExtension: { '.js': '.cjs' },
      bundle: true,
      format: 'cjs',
      platform: 'node',
      target: 'node24',
      minify: true,
      legalComments: 'none',
      external: ['koffi', 'pino'],
      logLevel: 'warning',
      define: { 'import.meta.url': 'ladeUrl' },
      banner: { js: PROLOGUE },
      plugins: [apart(sources, face, found)],
    });
  };
  await compile({ cli: join(face, 'main.ts') });
  for (let done = 0; done < found.size;) {
    const names = [...found].slice(done);
    done = found.size;
    await compile(Object.fromEntries(names.map((name) => [`cli/${name}`, join(face, `${name}.ts`)])));
  }
  for (const file of globSync('{cli.cjs,cli/**/*.cjs}', { cwd: directory })) {
    const path = join(directory, file);
    // `import()` of a CommonJS file would load Node's ESM loader for nothing.
    const text = readFileSync(path, 'utf8').replaceAll(
      /import\("lade:([^"]+)"\)/g,
      'Promise.resolve().then(()=>require(ladeFiles+"$1.cjs"))',
    );
    writeFileSync(path, text);
  }
};
