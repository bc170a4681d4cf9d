/**
 * `npm run quickstart`: the main job once, whole, on a private root: make a base image, build the example shop, push it
 * to Lade's own registry, pull it back by running it, look at it, commit it, take it all down.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { baseImage } from './quickstart/base-image.ts';
import { startProgram, type Program } from './quickstart/program.ts';
import { createTranscript } from './quickstart/transcript.ts';

const project = join(import.meta.dirname, '..');
const started = performance.now();

/** Not below /tmp, which may be a small tmpfs; short, because unix socket paths are. */
const root = mkdtempSync('/var/tmp/lade-quickstart-');
const programs: Program[] = [];
const { chapter, note, lade, expectText, ask } = createTranscript({
  command: join(project, 'bin', 'lade'),
  env: { ...process.env, LADE_HOST: `unix://${root}/lade.sock`, DOCKER_CONFIG: join(root, 'docker-config') },
});

const startServices = async (): Promise<string> => {
  const lade = join(project, 'bin', 'lade');
  const hostCa = process.env['NODE_EXTRA_CA_CERTS'] ?? process.env['SSL_CERT_FILE'];
  note(`everything lives under ${root} and is gone at the end`);
  if (hostCa !== undefined) note(`build steps may read the host's certificates (${hostCa})`);
  const daemon = ['daemon', '--host', `unix://${root}/lade.sock`, '--root', join(root, 'engine')];
  programs.push(await startProgram(lade, daemon, join(root, 'daemon.log')));
  const serve = ['registry', 'serve', '--listen', '127.0.0.1:0', '--root', join(root, 'registry')];
  const registry = await startProgram(lade, serve, join(root, 'registry.log'));
  programs.push(registry);
  const port = /:(\d+)\b/.exec(registry.readyLine)?.[1];
  if (port === undefined) throw new Error(`the registry did not name its port: ${registry.readyLine}`);
  note(`daemon: unix://${root}/lade.sock   registry: localhost:${port}`);
  return port;
};

const buildShop = (image: string, base: string): void => {
  const context = join(root, 'express-shop');
  cpSync(join(project, 'examples', 'express-shop'), context, { recursive: true });
  const build = ['build', '--explain', '-t', image, '--build-arg', `BASE=${base}`, context];

  chapter('Build the example shop');
  lade(build);

  chapter('Build it again: nothing changed, so every step comes from the cache');
  lade(build);

  chapter('Change one source line and build again: only what comes after it is rebuilt');
  const source = join(context, 'src', 'catalogue.js');
  writeFileSync(source, readFileSync(source, 'utf8').replace('Compass', 'Brass compass'));
  note('src/catalogue.js: "Compass" is now "Brass compass"');
  lade(build);
};

const shipShop = (image: string): void => {
  chapter('Push it to the registry, and forget it here');
  lade(['push', image]);
  lade(['rmi', image]);
  lade(['images']);
};

const runShop = async (image: string): Promise<void> => {
  chapter('Run it: it is not here, so it is pulled');
  lade(['run', '-d', '--name', 'shop', '-p', '127.0.0.1:0:3000', image]);
  const address = lade(['port', 'shop', '3000']).trim().split('\n')[0] ?? '';
  const answer = await ask(`http://${address}/api/items/compass`);
  expectText(answer, 'Brass compass');

  chapter('Look at it');
  lade(['ps', '-s']);
  expectText(lade(['logs', 'shop']), 'shop listening');
  lade(['exec', 'shop', 'node', '-e', 'console.log(`inside: Node ${process.version}, pid ${process.pid}`)']);
  lade(['history', image]);
};

const commitShop = async (image: string): Promise<void> => {
  const changed = image.replace(/:1\.0$/, ':1.1');
  chapter('Change a file inside the container, and commit that as a new image');
  lade(['exec', '-u', 'root', 'shop', 'sed', '-i', 's/Anchor/Golden anchor/', '/app/src/catalogue.js']);
  lade(['diff', 'shop']);
  lade(['commit', '-m', 'gild the anchor', 'shop', changed]);
  lade(['run', '-d', '--name', 'shop-next', '-p', '127.0.0.1:0:3000', changed]);
  const address = lade(['port', 'shop-next', '3000']).trim().split('\n')[0] ?? '';
  expectText(await ask(`http://${address}/api/items/anchor`), 'Golden anchor');
  lade(['images']);

  chapter('Take it down');
  lade(['stop', 'shop', 'shop-next']);
  lade(['rm', 'shop', 'shop-next']);
  lade(['rmi', image, changed]);
  lade(['ps', '-a']);
};

/** The last lines a service wrote, for the reader of a failed run. */
const showTail = (log: string): void => {
  const lines = existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n').slice(-5) : [];
  for (const line of lines) note(`${basename(log)}: ${line}`);
};

const takeDown = async (): Promise<void> => {
  for (const program of programs.toReversed()) await program.stop();
  rmSync(root, { recursive: true, force: true });
};

const main = async (): Promise<void> => {
  mkdirSync(join(root, 'docker-config'));
  chapter('Start a daemon and a registry');
  const port = await startServices();
  const image = `localhost:${port}/shop/web:1.0`;
  chapter('A base image');
  const base = await baseImage({ lade, note, cache: join(project, '.cache') });
  buildShop(image, base);
  shipShop(image);
  await runShop(image);
  await commitShop(image);
};

try {
  await main();
} catch (error) {
  for (const name of ['daemon.log', 'registry.log']) showTail(join(root, name));
  throw error;
} finally {
  await takeDown();
}
chapter(`Done in ${((performance.now() - started) / 1000).toFixed(0)} s; nothing is left running`);
