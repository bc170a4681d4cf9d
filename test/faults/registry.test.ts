/** Pulls from a registry that cuts, lies, refuses and trickles, each time at another of an image's contents. */
import { afterAll, describe, expect, test } from 'vitest';
import { createScratch } from '../support/scratch.ts';
import { digestOf, makeImage, type MadeImage } from './support/images.ts';
import { openLedger } from './support/ledger.ts';
import { misbehave, MISBEHAVIOURS } from './support/misbehaviour.ts';
import { FOLLOWED, pullOf } from './support/operations.ts';
import { plainPoints } from './support/point.ts';
import { startSite } from './support/site.ts';

const scratch = createScratch();
afterAll(() => scratch[Symbol.dispose]());

const CONTENTS: Readonly<Record<string, (image: MadeImage) => string>> = {
  manifest: (image) => image.manifestDigest,
  configuration: (image) => digestOf(image.config),
  'small layer': (image) => image.layers[0]?.digest ?? '',
  'large layer': (image) => image.layers[1]?.digest ?? '',
};

const runs = Object.entries(CONTENTS).flatMap(([content, choose]) =>
  [true, false].map((once) => ({ content, choose, once, how: once ? 'once' : 'always' })),
);

describe('a registry that misbehaves', () => {
  test.each(runs)('$how for the $content', { timeout: 240_000 }, async ({ content, choose, once, how }) => {
    const ledger = openLedger('pull', `registry, ${content}`);
    await using site = await startSite(scratch.child(`${content.replace(' ', '-')}-${how}`));
    let active = true;
    const attempts = MISBEHAVIOURS.map((misbehaviour) => {
      const image = makeImage([4000, FOLLOWED]);
      return pullOf(site, image, misbehave(misbehaviour, choose(image), { active: () => active, once }));
    });
    const findings = await plainPoints(site, attempts, () => {
      active = false;
    });
    for (const [index, found] of findings.entries()) {
      const misbehaviour = MISBEHAVIOURS[index];
      if (misbehaviour !== undefined) ledger.point(`${misbehaviour}, ${content}, ${how}`, found);
      else ledger.note(`${content}, ${how}`, found);
    }
    expect(ledger.close()).toEqual([]);
    expect(ledger.points).toBe(MISBEHAVIOURS.length);
  });
});
