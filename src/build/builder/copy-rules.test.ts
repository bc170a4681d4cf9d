import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestShop, type TestShop } from './testing.ts';
import { describeTree, makeCopyContext } from './testing/copy-context.ts';
import { COPY_RULES, dockerfileOf, type CopyRule } from './testing/copy-rules.ts';

type Outcome = readonly string[] | { readonly error: string };

const read = (name: string): unknown =>
  JSON.parse(readFileSync(join(import.meta.dirname, 'testing', name), 'utf8'));

/** What BuildKit made of every rule; test/copy-rules.test.ts asks it again. */
const recorded = read('copy-rules.json') as Readonly<Record<string, Outcome>>;
/** What Lade does otherwise, and why. */
const own = read('copy-rules-own.json') as Readonly<
  Record<string, { readonly why: string; readonly outcome: Outcome }>
>;

let shop: TestShop;
let context: string;

beforeAll(async () => {
  shop = await openTestShop();
  context = shop.newContext();
  makeCopyContext(context);
});
afterAll(() => shop[Symbol.asyncDispose]());

const outcomeOf = async (rule: CopyRule): Promise<Outcome> => {
  const ignore = join(context, '.dockerignore');
  rmSync(ignore, { force: true });
  if (rule.ignore !== undefined) writeFileSync(ignore, rule.ignore);
  try {
    const { imageId } = await shop.builder.build(
      { context: { kind: 'directory', path: context }, dockerfile: { inline: dockerfileOf(rule) } },
      () => undefined,
    );
    const { config } = await shop.library.prepare(imageId);
    if (config.rootfs.diffIds.length === 0) return [];
    await using view = await shop.layers.mountReadOnly(config.rootfs.diffIds);
    return describeTree(view.path);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
};

describe('COPY and ADD make what BuildKit makes', () => {
  test.for(COPY_RULES)('$name', async (rule) => {
    const wanted = own[rule.name]?.outcome ?? recorded[rule.name];
    expect(wanted).toBeDefined();
    const found = await outcomeOf(rule);
    if (wanted !== undefined && 'error' in wanted) expect(found).toHaveProperty('error');
    else expect(found).toEqual(wanted);
  });
});
