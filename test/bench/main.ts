/** `npm run bench [-- TABLE …]`: Lade beside its peers, in one run, by turns. Goals are printed, never asserted. */
const TABLES: Readonly<Record<string, () => Promise<unknown>>> = {
  containers: () => import('./containers.ts'),
  images: () => import('./images.ts'),
  build: () => import('./build.ts'),
  registry: () => import('./registry.ts'),
};

const [name = 'containers'] = process.argv.slice(2);
const table = TABLES[name];
if (table === undefined) {
  console.error(`there is no table ${name}; there are: ${Object.keys(TABLES).join(', ')}`);
  process.exitCode = 2;
} else await table();
