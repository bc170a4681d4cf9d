/**
 * `cli.cjs`: runs the files below `cli/`, which are the bundled command line.
 *
 * Beside each lies the bytecode that V8 made of it when it was built (`FILE.VERSION-ARCHITECTURE`). V8 refuses what
 * another release made, or one with other flags: then, and where it is absent, the source is compiled as always.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script, constants } from 'node:vm';

/** What a file of the bundle sees beside CommonJS' own names (`tools/bundle-cli.ts` writes them). */
interface Bundle {
  /** A neighbour, by its path below `cli/` without extension. */
  load(name: string): unknown;
  /** A module of Node that is loaded when something of it is used for the first time. */
  lazy(id: string): object;
  /** Address of `cli.cjs`, whichever file asks. */
  readonly url: string;
}

type Body = (exports: object, require: NodeJS.Require, module: { exports: object }, lade: Bundle) => void;

const folder = join(__dirname, 'cli');
const loaded = new Map<string, { exports: object }>();

const bytecodeOf = (file: string): Buffer | undefined => {
  try {
    return readFileSync(`${file}.${process.version}-${process.arch}`);
  } catch {
    return undefined;
  }
};

const load = (name: string): object => {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const file = join(folder, `${name}.cjs`);
  const script = new Script(readFileSync(file, 'latin1'), {
    filename: file,
    cachedData: bytecodeOf(file),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const module = { exports: {} };
  loaded.set(name, module);
  (script.runInThisContext() as Body)(module.exports, require, module, bundle);
  return module.exports;
};

/** Modules that are classes themselves (`node:events`) can be called with `new` and extended, too. */
const lazy = (id: string): object => {
  let found: object | undefined;
  const module = (): object => (found ??= process.getBuiltinModule(id) ?? {});
  const constructible = function (): void {
    // Stands for the module until that is asked.
  };
  return new Proxy(constructible, {
    get: (_target, name): unknown => Reflect.get(module(), name),
    construct: (_target, args, newTarget): object =>
      Reflect.construct(module() as new () => object, args, newTarget) as object,
  });
};

const bundle: Bundle = {
  load,
  lazy,
  get url() {
    return pathToFileURL(join(__dirname, 'cli.cjs')).href;
  },
};

load('main');
