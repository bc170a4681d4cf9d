import { writeFileSync } from 'node:fs';
import { mustRun } from '../../support/process.ts';
import type { BenchRow } from '../table.ts';
import type { Measure, RegistryBench } from './bench.ts';
import { createClient, pushManifest } from './client.ts';
import { startBoth, startLade, type BenchedRegistry } from './peers.ts';
import { atLeast, race, type Raced } from './race.ts';
import { runWrk } from './wrk.ts';

const REPOSITORY = 'team/app';
const PLACE = { repository: REPOSITORY, tag: 'v1', layers: 8 };

const asking = (folder: string, paths: ReadonlyMap<BenchedRegistry, readonly string[]>) => {
  return async (registry: BenchedRegistry) => {
    const load = { paths: paths.get(registry) ?? [], connections: 32, seconds: 4 };
    const { perSecond, cpuMs } = await runWrk(registry, folder, load);
    return { value: perSecond, cpuMs };
  };
};

/** Pushes a manifest to each; gives its path by tag and by digest. */
const pushed = async (registry: BenchedRegistry): Promise<readonly [string, string]> => {
  using client = createClient(registry);
  const digest = await pushManifest(client, PLACE);
  return [`/v2/${REPOSITORY}/manifests/v1`, `/v2/${REPOSITORY}/manifests/${digest}`];
};

const besideThePeer = async (bench: RegistryBench): Promise<readonly BenchRow[]> => {
  await using stack = new AsyncDisposableStack();
  const registries = await startBoth(bench, stack);
  const folder = bench.roots.next().path;
  const byTag = new Map<BenchedRegistry, readonly string[]>();
  const byDigest = new Map<BenchedRegistry, readonly string[]>();
  for (const registry of registries) {
    const [tag, digest] = await pushed(registry);
    byTag.set(registry, [tag]);
    byDigest.set(registry, [digest]);
  }
  return [
    atLeast('GET manifest by tag, 32 connections', {
      raced: await race(registries, bench.rounds, asking(folder, byTag)),
      unit: '/s',
      goal: 4,
    }),
    atLeast('GET manifest by digest, 32 connections', {
      raced: await race(registries, bench.rounds, asking(folder, byDigest)),
      unit: '/s',
      goal: 4,
    }),
  ];
};

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

/** What docker asks for before it pulls. */
const withToken = async (registry: BenchedRegistry): Promise<BenchedRegistry> => {
  using client = createClient(registry);
  const query = new URLSearchParams({ service: 'lade-registry', scope: `repository:${REPOSITORY}:pull` });
  const { body } = await client.call('GET', `/token?${query.toString()}`);
  const { token } = JSON.parse(body.toString()) as { readonly token: string };
  return { ...registry, name: 'with a token', authorization: `Bearer ${token}` };
};

const withUsers = async (bench: RegistryBench): Promise<readonly BenchRow[]> => {
  await using stack = new AsyncDisposableStack();
  const scratch = bench.roots.next();
  const file = scratch.join('htpasswd');
  writeFileSync(file, (await mustRun('htpasswd', ['-nbB', 'ann', 'secret'])).stdout.trim());
  const open = stack.use(await startLade(bench.roots.next().join('root'), { name: 'without' }));
  const users = stack.use(
    await startLade(bench.roots.next().join('root'), {
      name: 'with a password',
      args: ['--htpasswd', file],
      authorization: basic('ann:secret'),
    }),
  );
  const path = [(await pushed(users))[0]];
  await pushed(open);
  const token = await withToken(users);
  const contenders = [users, token, open];
  const paths = new Map(contenders.map((registry) => [registry, path]));
  const [byPassword, byToken, byNobody] = await race(contenders, bench.rounds, asking(scratch.path, paths));
  if (byPassword === undefined || byToken === undefined || byNobody === undefined) return [];
  const row = (what: string, raced: Raced): BenchRow =>
    atLeast(`GET manifest ${what} ÷ without`, { raced: [raced, byNobody], unit: '/s', goal: 0.7 });
  return [row('with a token', byToken), row('with a password', byPassword)];
};

/** Manifests by tag and digest beside docker-registry, and what proving who one is costs. */
export const rows: Measure = async (bench) => [...(await besideThePeer(bench)), ...(await withUsers(bench))];
