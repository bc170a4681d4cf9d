/** A registry on a disk with hardly any room left: clear answers, nothing corrupt, and it goes on by itself. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { mustRun } from '../support/process.ts';
import { createScratch } from '../support/scratch.ts';
import { fillDisk } from './support/full-disk.ts';
import { makeImage } from './support/images.ts';
import { openLedger } from './support/ledger.ts';
import { randomFrom, SCALE, SEED } from './support/plan.ts';
import { attemptOf, pushImage, REGISTRY_OPERATIONS } from './support/registry-operations.ts';
import { startRegistrySite, type RegistrySite } from './support/registry-site.ts';
import { bookFindings, factFindings, fileFindings, retriedFindings } from './support/registry-verify.ts';
import type { Finding } from './support/verify.ts';
import { RefusedError } from './support/wire.ts';

const scratch = createScratch();
afterAll(() => scratch[Symbol.dispose]());

const SIZE_MIB = 48;
const KEEPING = { uploadWindow: '0s', uploadIdle: '0s', undoFor: '0s' };

/** KiB that are left free; a few are always the same. */
const roomsFor = (random: () => number): readonly number[] => [
  0,
  8,
  60,
  ...Array.from({ length: 2 * SCALE }, () => 4 + Math.floor(random() ** 2 * 1500)),
];

/** A refusal must be one of a server without room, in a sentence. */
const refusalFindings = (error: unknown): readonly Finding[] => {
  if (!(error instanceof RefusedError)) return [{ kind: 'flaw', text: `no answer: ${String(error)}` }];
  const clear = error.status >= 500 && /space|room|full/i.test(error.message);
  return clear ? [] : [{ kind: 'flaw', text: `unclear: ${error.message}` }];
};

/** The space that is kept for removals is taken some time after there is room for it. */
const reserved = async ({ root }: RegistrySite): Promise<void> => {
  for (let tries = 0; !existsSync(`${root}/registry.db-reserve`); tries++) {
    if (tries === 400) throw new Error('no reserve is taken');
    await sleep(25);
  }
};

const onSmallDisk = async (name: string, work: (site: RegistrySite, filler: string) => Promise<void>) => {
  const own = scratch.child(name.replaceAll(' ', '-'));
  const root = own.join('registry');
  mkdirSync(root);
  await mustRun('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m`, 'tmpfs', root]);
  try {
    await using site = await startRegistrySite(own, { root, keeping: KEEPING });
    await work(site, own.join('registry', 'filler'));
  } finally {
    await mustRun('umount', ['-l', root]);
  }
};

describe('a registry on a full disk', { concurrent: true }, () => {
  test.each(REGISTRY_OPERATIONS)('in $name', { timeout: 300_000 * SCALE }, async (operation) => {
    const ledger = openLedger(`registry: ${operation.name}`, 'full disk');
    await onSmallDisk(operation.name, async (site, filler) => {
      for (const kib of roomsFor(randomFrom(SEED))) {
        const attempt = await operation.prepare(site);
        await reserved(site);
        fillDisk(site.root, filler, kib);
        const refused = await attempt.run().then(
          () => undefined,
          (error: unknown) => refusalFindings(error),
        );
        // An upload that met the full disk has ended, so that others find room.
        for (const upload of refused === undefined ? [] : attempt.uploads)
          if (upload.end === 'open') upload.end = 'asked';
        // What is there can be read while there is no room.
        const readable = await factFindings(site, site.facts.paths().slice(0, 20));
        rmSync(filler, { force: true });
        const died: readonly Finding[] = site.ended()
          ? [{ kind: 'flaw', text: `the registry ended:\n${site.service.stderr()}` }]
          : [];
        if (site.ended()) await site.restart();
        const findings = [
          ...(refused ?? []),
          ...readable,
          ...died,
          ...(await retriedFindings(site, attempt)),
        ];
        ledger.point(`${kib} KiB left`, findings);
      }
      const books = [...(await bookFindings(site)), ...fileFindings(site.root)];
      ledger.note('at the end', [...(await factFindings(site, site.facts.paths())), ...books]);
    });
    expect(ledger.close()).toEqual([]);
  });

  test('deleting and collecting makes room by itself', { timeout: 120_000 }, async () => {
    await onSmallDisk('room', async (site, filler) => {
      const image = makeImage([8 << 20]);
      await attemptOf(site, (client) => pushImage(client, 'big/one', image, 'v1')).run();
      await reserved(site);
      fillDisk(site.root, filler, 0);
      const more = attemptOf(site, (client) => client.blob('big/two', randomBytes(4 << 20)));
      await expect(more.run()).rejects.toBeInstanceOf(RefusedError);
      const freeing = attemptOf(site, async (client) => {
        await client.removeManifest(`/v2/big/one/manifests/${image.manifestDigest}`, [
          '/v2/big/one/manifests/v1',
        ]);
        await client.collect(
          [image.id, ...image.layers.map(({ digest }) => digest)].map((d) => `/v2/big/one/blobs/${d}`),
        );
      });
      await freeing.run();
      await more.run();
      expect(await factFindings(site, site.facts.paths())).toEqual([]);
    });
  });
});
