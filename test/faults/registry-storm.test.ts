/** SIGKILL of a registry at any moment while several clients push, mount, move and delete at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { createScratch } from '../support/scratch.ts';
import { makeImage, type MadeImage } from './support/images.ts';
import { collectGarbage } from './support/registry-collect.ts';
import { openLedger } from './support/ledger.ts';
import { randomFrom, SCALE, SEED } from './support/plan.ts';
import {
  attemptOf,
  pushImage,
  type RegistryAttempt,
  type RegistryClient,
} from './support/registry-operations.ts';
import { startRegistrySite, type RegistrySite } from './support/registry-site.ts';
import { factFindings, fileFindings, bookFindings, registryFindings } from './support/registry-verify.ts';
import type { Finding } from './support/verify.ts';
import { digestAt, RefusedError } from './support/wire.ts';

const scratch = createScratch();
afterAll(() => scratch[Symbol.dispose]());

const ROUNDS = 20 * SCALE;
const CLIENTS = 6;
/** What an upload needs is kept for longer than any upload takes here. */
const KEEPING = { uploadWindow: '3s', uploadIdle: '3s', undoFor: '0s' };
/** Longest time from the first request to the kill. */
const STORM_MS = 250;

interface Storm {
  readonly random: () => number;
  /** Shared by all, so that clients meet at the same contents. */
  readonly images: readonly MadeImage[];
}

const pick = <T>(items: readonly T[], random: () => number): T => {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('nothing to choose from');
  return item;
};

const repositoryOf = (client: number): string => `storm/${client}`;

/** One thing that a client does. */
const step = async (client: RegistryClient, own: number, { random, images }: Storm): Promise<void> => {
  const repository = repositoryOf(own);
  const image = pick(images, random);
  const tag = pick(['a', 'b', 'c'], random);
  const base = `/v2/${repository}/manifests`;
  const kind = random();
  if (kind < 0.4) return pushImage(client, repository, image, tag);
  if (kind < 0.6) {
    const from = repositoryOf(Math.floor(random() * CLIENTS));
    for (const digest of [...image.layers.map((layer) => layer.digest), image.id])
      await client.mount(repository, from, digest);
    return client.manifest(repository, image.manifest, tag);
  }
  if (kind < 0.8) return client.remove(`${base}/${tag}`);
  const tags = ['a', 'b', 'c'].map((name) => `${base}/${name}`);
  return client.removeManifest(`${base}/${image.manifestDigest}`, tags);
};

/** Does one thing after another until the registry is gone; what is refused changes nothing. */
const busy = (site: RegistrySite, own: number, storm: Storm): RegistryAttempt =>
  attemptOf(site, async (client) => {
    while (!site.ended())
      try {
        await step(client, own, storm);
      } catch (error) {
        if (site.ended() || !(error instanceof RefusedError)) return;
      }
  });

/** Collects again and again: blobs that no manifest needs may go, and nothing else. */
const collecting = async (site: RegistrySite): Promise<void> => {
  while (!site.ended())
    try {
      for (const path of site.facts.paths()) if (path.includes('/blobs/')) site.facts.begin(path, undefined);
      await collectGarbage(site);
    } catch (error) {
      if (!site.ended() && error instanceof RefusedError) throw error;
      return;
    }
};

/** Everything that manifests need is there with them. */
const wholeFindings = async (
  site: RegistrySite,
  images: readonly MadeImage[],
): Promise<readonly Finding[]> => {
  const findings: Finding[] = [];
  for (const image of images)
    for (const path of site.facts
      .paths()
      .filter((one) => one.endsWith(`/manifests/${image.manifestDigest}`))) {
      if (site.facts.at(path)?.has(undefined) !== false) continue;
      for (const digest of [...image.layers.map((layer) => layer.digest), image.id]) {
        const blob = path.replace(/manifests\/.*$/, `blobs/${digest}`);
        if ((await digestAt(site.wire, blob)) !== digest)
          findings.push({ kind: 'loss', text: `${blob} is gone` });
      }
    }
  return findings;
};

describe('kill -9 of a registry in a storm of clients', { concurrent: true }, () => {
  test.each([1, 2])('%i', { timeout: 300_000 * SCALE }, async (number) => {
    const ledger = openLedger('registry: several clients', 'kill');
    await using site = await startRegistrySite(scratch.child(String(number)), { keeping: KEEPING });
    const random = randomFrom(SEED * 10 + number);
    const storm = { random, images: Array.from({ length: 5 }, () => makeImage([20_000, 2000])) };
    for (let round = 1; round <= ROUNDS; round++) {
      const attempts = Array.from({ length: CLIENTS }, (_, own) => busy(site, own, storm));
      const running = Promise.all([collecting(site), ...attempts.map((attempt) => attempt.run())]);
      const afterMs = random() * STORM_MS;
      await sleep(afterMs);
      await site.service.kill('SIGKILL');
      await running;
      await site.restart();
      const findings = [...(await wholeFindings(site, storm.images))];
      for (const attempt of attempts) findings.push(...(await registryFindings(site, attempt)));
      ledger.point(`round ${round}, after ${afterMs.toFixed(0)} ms`, findings);
    }
    ledger.note('at the end', [
      ...(await factFindings(site, site.facts.paths())),
      ...fileFindings(site.root),
      ...(await bookFindings(site)),
    ]);
    expect(ledger.close()).toEqual([]);
    expect(site.facts.paths().length).toBeGreaterThan(CLIENTS * 5);
  });
});
