/**
 * What BuildKit makes of each rule of src/build/builder/testing/copy-rules.ts is written in copy-rules.json beside it,
 * where the unit tests compare Lade with it. Here BuildKit of Debian sid is asked again. LADE_RECORD=1 writes the file.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeTree, makeCopyContext } from '../src/build/builder/testing/copy-context.ts';
import { COPY_RULES, dockerfileOf, type CopyRule } from '../src/build/builder/testing/copy-rules.ts';
import { startDockerd, type Dockerd } from './bench/dockerd.ts';
import { whyNoBuilder } from './support/corpus/builders.ts';
import { project } from './support/lade.ts';
import { mustRun, run } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const FILE = join(project, 'src/build/builder/testing/copy-rules.json');
const sid = join(project, '.cache', 'sid');
const BUILDX = join(sid, 'usr/libexec/docker/cli-plugins/docker-buildx');

type Outcome = readonly string[] | { readonly error: string };

const missing = await whyNoBuilder('buildkit');
const scratch = createScratch();
const stack = new AsyncDisposableStack();
stack.defer(() => scratch[Symbol.dispose]());
let daemon: Dockerd;
let context: string;

beforeAll(async () => {
  if (missing !== undefined) return;
  const home = scratch.child('docker');
  const config = home.join('daemon.json');
  writeFileSync(config, '{ "features": { "containerd-snapshotter": true } }');
  stack.defer(async () => void (await run('umount', [home.join('de', 'netns', 'default')])));
  const started = await startDockerd(home, {
    program: join(sid, 'usr/sbin/dockerd'),
    path: join(sid, 'usr/bin'),
    args: ['--config-file', config, '--bridge=none', '--iptables=false', '--ip6tables=false'],
  });
  if (started === undefined) throw new Error('dockerd of Debian sid did not start');
  daemon = stack.use(started);
  context = scratch.join('context');
  mkdirSync(context);
  makeCopyContext(context);
}, 60_000);

afterAll(() => stack.disposeAsync(), 60_000);

const reasonOf = (stderr: string): string =>
  (stderr.split('\n').findLast((line) => line.startsWith('ERROR: ')) ?? stderr.slice(-200))
    .replace(/^ERROR: (?:failed to (?:build|solve): )*/u, '')
    .replaceAll(/[a-z0-9]{25}::?[a-z0-9]*|\/[^ ]*\/cachemounts\/buildkit\d+/gu, '…');

const outcomeOf = async (rule: CopyRule): Promise<Outcome> => {
  const dockerfile = scratch.join('Dockerfile');
  writeFileSync(dockerfile, dockerfileOf(rule));
  rmSync(join(context, '.dockerignore'), { force: true });
  if (rule.ignore !== undefined) writeFileSync(join(context, '.dockerignore'), rule.ignore);
  const tar = scratch.join('out.tar');
  const args = ['build', '--progress=plain', '-f', dockerfile, '-o', `type=tar,dest=${tar}`, context];
  const env = { ...process.env, DOCKER_HOST: daemon.host, DOCKER_CONFIG: scratch.join('config') };
  const done = await run(BUILDX, args, { env: { ...env, BUILDX_NO_DEFAULT_ATTESTATIONS: '1' } });
  if (done.code !== 0) return { error: reasonOf(done.stderr) };
  const tree = scratch.join('tree');
  mkdirSync(tree);
  try {
    await mustRun('tar', ['-xpf', tar, '-C', tree, '--same-owner', '--numeric-owner']);
    return describeTree(tree);
  } finally {
    rmSync(tree, { recursive: true });
  }
};

test.skipIf(missing !== undefined)(
  `BuildKit makes of every rule what is written${missing === undefined ? '' : ` (${missing})`}`,
  async () => {
    const found: Record<string, Outcome> = {};
    // Its language has --parents only where the syntax is fetched.
    for (const rule of COPY_RULES.filter(({ text }) => !text.includes('--parents')))
      found[rule.name] = await outcomeOf(rule);
    if (process.env['LADE_RECORD'] === '1') writeFileSync(FILE, `${JSON.stringify(found, null, 1)}\n`);
    const written = JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, Outcome>;
    const known = (outcome: Outcome | undefined) =>
      outcome !== undefined && 'error' in outcome ? 'an error' : outcome;
    const names = Object.keys({ ...found, ...written });
    for (const name of names) expect(known(found[name]), name).toEqual(known(written[name]));
  },
  240_000,
);
