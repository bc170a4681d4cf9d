/**
 * The command line as CommonJS: `cli.cjs` (`src/faces/cli/loader.ts`) runs `cli/main.cjs`; what is imported on demand is
 * a file below `cli/`, each with all it needs. A verb then reads two files of which it uses most; the same as ESM chunks
 * takes Node 10 ms longer. Beside each file lies its bytecode (docs/decisions/0011).
 */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, type BuildOptions, type Plugin } from 'esbuild';

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

const FORM: BuildOptions = {
  outExtension: { '.js': '.cjs' },
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node24',
  minify: true,
  charset: 'ascii',
  legalComments: 'none',
  external: ['koffi', 'pino'],
  logLevel: 'warning',
};

/** A bundled file as the function that `loader.ts` calls. */
const toFunction = (text: string): string => {
  const body = text
    // `import()` of CommonJS, or of a part of Node, would load Node's ESM loader for nothing.
    .replaceAll(/import\("lade:([^"]+)"\)/g, 'Promise.resolve().then(()=>lade.load("$1"))')
    .replaceAll(/import\("(node:[^"]+)"\)/g, 'Promise.resolve().then(()=>require("$1"))')
    // A verb pays for what it uses, not for what any of its modules names.
    .replaceAll(/(?<=[ ,;{][\w$]+=)require(?=\("node:[^"]+"\)[,;])/g, 'lade.lazy');
  return `(function(exports,require,module,lade){${body}\n})\n`;
};

/** The bytecode of `files`, by the Node that runs this, under the flags that it has by itself. */
const writeBytecode = (project: string, files: readonly string[]): void => {
  const { NODE_OPTIONS: _options, ...env } = process.env;
  const tool = join(project, 'tools', 'cli-bytecode.ts');
  const { status } = spawnSync(process.execPath, [tool, ...files], { env, stdio: 'inherit' });
  if (status !== 0) throw new Error('the bytecode of the command line was not made');
};

/** Writes the command line's files into `directory`. */
export const bundleCli = async (project: string, directory: string): Promise<void> => {
  const sources = join(project, 'src');
  const face = join(sources, 'faces', 'cli');
  const found = new Set<string>(['main']);
  const compile = async (entryPoints: Record<string, string>, more: BuildOptions): Promise<void> => {
    await build({ ...FORM, ...more, absWorkingDir: project, entryPoints, outdir: directory });
  };
  await compile({ cli: join(face, 'loader.ts') }, {});
  for (let done = 0; done < found.size;) {
    const names = [...found].slice(done);
    done = found.size;
    await compile(Object.fromEntries(names.map((name) => [`cli/${name}`, join(face, `${name}.ts`)])), {
      define: { 'import.meta.url': 'lade.url' },
      plugins: [apart(sources, face, found)],
    });
  }
  const files = globSync('cli/**/*.cjs', { cwd: directory }).map((file) => join(directory, file));
  for (const file of files) writeFileSync(file, toFunction(readFileSync(file, 'utf8')));
  writeBytecode(project, files);
};
