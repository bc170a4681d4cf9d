import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BuildEvent, BuildRequest } from './index.ts';
import { openTestShop, type TestShop } from './testing.ts';

let shop: TestShop;

beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(async () => {
  await shop[Symbol.asyncDispose]();
});

const times = (number: number, line: (index: number) => string): string =>
  Array.from({ length: number }, (_, index) => `${line(index)}\n`).join('');

const build = async (dockerfile: string, more: Partial<BuildRequest> = {}) => {
  const path = shop.newContext({ Dockerfile: dockerfile, f: '' });
  const events: BuildEvent[] = [];
  const request = { context: { kind: 'directory', path } as const, ...more };
  const result = await shop.builder.build(request, (event) => void events.push(event));
  return { config: shop.library.config(result.imageId), events };
};

describe('a huge Dockerfile', () => {
  test('keeps all of its many metadata instructions, told one after another', async () => {
    const { config, events } = await build(`FROM scratch\n${times(8000, (index) => `LABEL l${index}=v`)}`);
    expect(Object.keys(config.config.Labels ?? {})).toHaveLength(8000);
    expect(config.history).toHaveLength(8000);
    const told = events.flatMap((event) => (event.kind === 'step-done' ? [event.step.index] : []));
    expect(told).toEqual(Array.from({ length: 8001 }, (_, index) => index + 1));
  });

  test('is refused before anything is built when its image would be too large', async () => {
    const labels = times(40_000, (index) => `LABEL l${index}=v`);
    await expect(build(`FROM scratch\nCOPY f /\n${labels}`)).rejects.toMatchObject({
      code: 'BUILDER_CONFIG_TOO_LARGE',
    });
  });

  test('is refused when a stage would have more layers than can be stacked', async () => {
    const copies = times(400, (index) => `COPY f /${index}`);
    const file = `FROM scratch AS a\n${copies}FROM a\n${times(101, (index) => `COPY f /x${index}`)}`;
    await expect(build(file)).rejects.toMatchObject({
      code: 'BUILDER_TOO_MANY_LAYERS',
      message: expect.stringContaining('Dockerfile:503') as string,
    });
  });

  test('is refused when the target needs too many stages that copy, not when others have them', async () => {
    const stage = (from: string, index: number): string => `FROM scratch AS s${index}\nCOPY ${from}f /f`;
    const chain = (length: number): string =>
      times(length, (index) => stage(index === 0 ? '' : `--from=s${index - 1} `, index));
    await expect(build(chain(5001))).rejects.toMatchObject({ code: 'BUILDER_TOO_MANY_OPERATIONS' });
    const { config } = await build(`${chain(5001)}FROM scratch\nCOPY --from=s20 f /`);
    expect(config.rootfs.diffIds).toHaveLength(1);
  });

  test('is refused when the target needs too many instructions, triggers included', async () => {
    const triggers = times(1000, (index) => `ONBUILD USER u${index}`);
    const stages = times(200, () => 'FROM a');
    const file = `FROM scratch AS a\n${triggers}${stages}`;
    await expect(build(file)).rejects.toMatchObject({ code: 'BUILDER_TOO_MANY_STEPS' });
    const { config } = await build(
      `FROM scratch AS big\n${times(130_000, () => 'USER u')}FROM scratch\nUSER x`,
    );
    expect(config.history).toHaveLength(1);
  });
});
