import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestShop, type TestShop } from './testing.ts';
import type { BuildEvent, BuildRequest, BuildResult } from './types.ts';

let shop: TestShop;
let context: string;
beforeAll(async () => {
  shop = await openTestShop();
  context = shop.newContext({ 'a.txt': 'a' });
});
afterAll(() => shop[Symbol.asyncDispose]());

interface Built {
  readonly result: BuildResult;
  readonly events: readonly BuildEvent[];
}

const build = async (text: string, more: Partial<BuildRequest> = {}): Promise<Built> => {
  const events: BuildEvent[] = [];
  const request = {
    context: { kind: 'directory', path: context } as const,
    dockerfile: { inline: text },
    ...more,
  };
  const result = await shop.builder.build(request, (event) => events.push(event));
  return { result, events };
};

/** Names of the steps that were carried out, with their stages. */
const executed = ({ events }: Built): readonly string[] => {
  const started = events.flatMap((event) =>
    event.kind === 'step-started' && event.step.kind === 'filesystem' ? [event.step] : [],
  );
  return started.map(({ platform, stage, name }) => `${platform ?? ''} ${stage}: ${name}`).toSorted();
};

describe('several platforms', () => {
  test('a cross build runs what is common once, and gives an index', async () => {
    const text = `FROM --platform=$BUILDPLATFORM busybox AS build
RUN echo common > /common
ARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM
RUN echo "$TARGETPLATFORM $TARGETOS $TARGETARCH $TARGETVARIANT from $BUILDPLATFORM" > /own
FROM scratch
COPY --from=build /common /own /
COPY a.txt /
ENV A=b
`;
    const built = await build(text, { platforms: ['linux/amd64', 'linux/arm/v7'], tags: ['multi'] });
    expect(built.result.images.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm/v7']);
    expect(executed(built)).toEqual([
      'linux/amd64 1: COPY --from=build /common /own /',
      'linux/amd64 1: COPY a.txt /',
      'linux/amd64 build: RUN echo "$TARGETPLATFORM $TARGETOS $TARGETARCH $TARGETVARIANT from $BUILDPLATFORM" > /own',
      'linux/amd64 build: RUN echo common > /common',
      'linux/arm/v7 1: COPY --from=build /common /own /',
      'linux/arm/v7 1: COPY a.txt /',
      'linux/arm/v7 build: RUN echo "$TARGETPLATFORM $TARGETOS $TARGETARCH $TARGETVARIANT from $BUILDPLATFORM" > /own',
    ]);
    const arm = shop.library.resolve('multi', { platform: 'linux/arm/v7' });
    expect(arm.config).toMatchObject({
      architecture: 'arm',
      variant: 'v7',
      config: { Env: expect.arrayContaining(['A=b']) as unknown },
    });
    await using view = await shop.layers.mountReadOnly(arm.config.rootfs.diffIds);
    expect(readFileSync(join(view.path, 'own'), 'utf8')).toBe('linux/arm/v7 linux arm v7 from linux/amd64\n');
    expect(shop.library.list().filter((one) => one.RepoTags.includes('multi:latest'))).toHaveLength(1);
    const again = await build(text, { platforms: ['linux/amd64', 'linux/arm/v7'], tags: ['multi'] });
    expect(executed(again)).toEqual([]);
    expect(again.result.digest).toBe(built.result.digest);
  });

  test('each image is what a build for its platform alone gives', async () => {
    const text = 'FROM scratch\nARG TARGETARCH\nCOPY a.txt /$TARGETARCH\n';
    const both = await build(text, { platforms: ['linux/arm64', 'linux/s390x'] });
    const alone = await build(text, { platforms: ['linux/s390x'] });
    expect(both.result.images[1]?.imageId).toBe(alone.result.imageId);
  });

  test('FROM --platform counts for scratch, too', async () => {
    const text = 'FROM --platform=linux/riscv64 scratch\nCOPY a.txt /\n';
    const { result } = await build(text);
    expect(shop.library.config(result.imageId).architecture).toBe('riscv64');
  });

  test('a platform that does not exist is named', async () => {
    await expect(build('FROM scratch\nCOPY a.txt /\n', { platforms: ['linux/amd46'] })).rejects.toMatchObject(
      {
        code: 'BUILDER_UNKNOWN_PLATFORM',
        message: 'there is no platform linux/amd46',
      },
    );
  });
});

describe('squash', () => {
  test('all layers above the base become one, with the same files', async () => {
    const text = `FROM busybox
RUN mkdir /d && echo 1 > /d/one && echo 2 > /d/two && ln /d/one /d/link && ln -s one /d/soft
RUN rm /d/two && rm -r /home && echo x > /home && chmod 700 /root
RUN rm /etc/group && mkdir /etc/group && touch /etc/group/in
ENV A=1
`;
    const plain = await build(text);
    const squashed = await build(text, { squash: true });
    const [before, after] = [plain, squashed].map(({ result }) => shop.library.config(result.imageId));
    expect(before?.rootfs.diffIds).toHaveLength(4);
    expect(after?.rootfs.diffIds).toHaveLength(2);
    expect(after?.rootfs.diffIds[0]).toBe(shop.busybox);
    expect(after?.config).toEqual(before?.config);
    expect(after?.history.filter((entry) => entry.emptyLayer !== true)).toHaveLength(2);
    const listing = async (layers: readonly string[] = []): Promise<string> => {
      await using view = await shop.layers.mountReadOnly(layers as never);
      const script = 'find . -printf "%P %y %m %U %G %T@ %l\\n" | sort; cat d/one d/link home';
      return execFileSync('sh', ['-c', script], { cwd: view.path, encoding: 'utf8' });
    };
    expect(await listing(after?.rootfs.diffIds)).toBe(await listing(before?.rootfs.diffIds));
  });
});

describe('outputs', () => {
  const text = `FROM busybox AS files
RUN mkdir /out && echo hello > /out/hello && ln -s hello /out/link && chown 12:34 /out/hello && chmod 640 /out/hello
FROM scratch
COPY --from=files /out /
`;
  test('files go below a directory, one for each platform where there are several', async () => {
    const destination = join(shop.path, 'local');
    await build(text, { outputs: [{ kind: 'local', destination }] });
    expect(readdirSync(destination)).toEqual(['hello', 'link']);
    expect(execFileSync('stat', ['-c', '%a %u:%g', join(destination, 'hello')], { encoding: 'utf8' })).toBe(
      '640 12:34\n',
    );
    const several = join(shop.path, 'several');
    const scratch = 'FROM scratch\nARG TARGETARCH\nCOPY a.txt /$TARGETARCH\n';
    await build(scratch, {
      platforms: ['linux/amd64', 'linux/arm/v7'],
      outputs: [{ kind: 'local', destination: several }],
    });
    expect(readdirSync(several)).toEqual(['linux_amd64', 'linux_arm_v7']);
    expect(readdirSync(join(several, 'linux_arm_v7'))).toEqual(['arm']);
  });
});
