/**
 * `node test/parity/record.ts [WORDS]`: lets Debian's dockerd go through all situations (or those whose name has these
 * words) and writes down what it said; the parity test holds Lade to that.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDockerd } from '../bench/dockerd.ts';
import { startRegistry } from '../support/lade.ts';
import { createScratch } from '../support/scratch.ts';
import { playAll } from './play.ts';

using scratch = createScratch();
await using registry = await startRegistry(scratch.join('registry'));
await using dockerd = await startDockerd(scratch);
if (dockerd === undefined) throw new Error('dockerd (Debian: docker.io) is not installed, or did not start');
const said = await playAll({
  socket: dockerd.host.replace('unix://', ''),
  registry: registry.address,
  only: process.argv[2],
  onPlayed: (name, lines) => console.log([`\n## ${name}`, ...lines].join('\n')),
});
if (process.argv[2] === undefined) {
  const text = JSON.stringify({ engine: `dockerd ${dockerd.version}`, said }, null, 2);
  writeFileSync(join(import.meta.dirname, 'dockerd.json'), `${text}\n`);
}
