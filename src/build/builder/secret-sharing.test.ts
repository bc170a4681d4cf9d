import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestShop, type TestShop } from './testing.ts';
import type { BuildResult } from './types.ts';

let shop: TestShop;
let context: string;
beforeAll(async () => {
  shop = await openTestShop();
  context = shop.newContext();
});
afterAll(() => shop[Symbol.asyncDispose]());

/** A step that ends once `count` steps have begun, or gives up. */
const together = (count: number, id: string): string =>
  `--mount=type=cache,target=/seen,id=${id} touch /seen/$(cat /proc/sys/kernel/random/uuid); ` +
  `for i in $(seq 200); do [ $(ls /seen | wc -l) -ge ${count} ] && break; sleep 0.05; done`;

const build = (text: string, secret: string): Promise<BuildResult> =>
  shop.builder.build(
    {
      context: { kind: 'directory', path: context },
      dockerfile: { inline: text },
      secrets: { s: Buffer.from(secret) },
    },
    () => undefined,
  );

const fileOf = async ({ imageId }: BuildResult, name: string): Promise<string> => {
  await using view = await shop.layers.mountReadOnly(shop.library.config(imageId).rootfs.diffIds);
  return readFileSync(join(view.path, name), 'utf8');
};

test('a step is not waited for that sees another secret, nor what stands on it', async () => {
  const text = `FROM busybox
RUN --mount=type=secret,id=s ${together(2, 'others')}; cat /run/secrets/s > /used
RUN cp /used /copied
`;
  const built = await Promise.all([build(text, 'of one client'), build(text, 'of another client')]);
  expect(await Promise.all(built.map((one) => fileOf(one, 'used')))).toEqual([
    'of one client',
    'of another client',
  ]);
  expect(await Promise.all(built.map((one) => fileOf(one, 'copied')))).toEqual([
    'of one client',
    'of another client',
  ]);
  expect(built.map(({ steps }) => steps.executed)).toEqual([2, 2]);
});

test('with the same secret it is carried out once', async () => {
  const text = `FROM busybox\nRUN --mount=type=secret,id=s sleep 1; cat /run/secrets/s > /used\n`;
  const built = await Promise.all([build(text, 'the same'), build(text, 'the same')]);
  expect(built.map(({ steps }) => steps.executed).toSorted((a, b) => a - b)).toEqual([0, 1]);
});
