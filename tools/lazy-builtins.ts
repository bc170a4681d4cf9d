import { createRequire } from 'node:module';
import type { Plugin } from 'esbuild';

const require = createRequire(import.meta.url);

/**
 * Parts of Node that a bundle loads when one of their functions is first used, and then without the names that nobody
 * uses: `import` of `node:http` also loads WebSocket and fetch, 8 MB of a process that serves nothing yet.
 */
const LAZY = /^node:(?:http|https|http2|tls)$/;

const moduleText = (name: string): string => {
  const names = Object.keys(require(name) as object);
  return `for (const name of ${JSON.stringify(names)})
  Object.defineProperty(exports, name, {
    enumerable: true,
    get: () => process.getBuiltinModule(${JSON.stringify(name)})[name],
  });`;
};

export const lazyBuiltins: Plugin = {
  name: 'lazy-builtins',
  setup(builder) {
    builder.onResolve({ filter: LAZY }, ({ path }) => ({ path, namespace: 'lazy-builtin' }));
    builder.onLoad({ filter: LAZY, namespace: 'lazy-builtin' }, ({ path }) => ({
      contents: moduleText(path),
      loader: 'js',
    }));
  },
};
