/** A process to be killed: pulls and removes one image for ever, with all platforms when the third word says `all`. */
import { createRegistryClient } from '#distribution';
import { layersMigrations, openLayerStore } from '#layers';
import { openImageStore, openRoot } from '#store';
import { createLibrary } from '../library.ts';

const [path = '', reference = '', extent = ''] = process.argv.slice(2);
await using root = await openRoot({ path, migrations: layersMigrations });
const store = await openImageStore(root);
await using layers = await openLayerStore(root);
const library = createLibrary({ store, layers, registryClientFor: () => createRegistryClient({}) });
process.stdout.write('ready\n');
for (;;) {
  await library.pull({ reference, allPlatforms: extent === 'all' }, (event) =>
    process.stdout.write(`${event.kind === 'layer' ? event.status : ''}\n`),
  );
  process.stdout.write('pulled\n');
  await library.remove(reference);
}
