/** The same inputs give the same image on two machines that differ in whatever should not matter; skopeo judges. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  chmodSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  busyboxArchive,
  startMachine,
  startRegistry,
  type Machine,
  type RegistryService,
} from './support/lade.ts';
import { mustRun } from './support/process.ts';
import { createScratch, type Scratch } from './support/scratch.ts';

/** Files of a context by name; scripts are executable. */
type Files = Readonly<Record<string, string>>;

interface Case {
  readonly name: string;
  readonly files: Files;
  readonly args?: readonly string[];
}

const lines = (...all: readonly string[]): string => `${all.join('\n')}\n`;

const SITE: Files = {
  'site/index.html': '<h1>hello</h1>',
  'site/js/app.js': 'console.log(1)',
  'site/js/lib/a.js': 'a',
  'site/css/z.css': 'z',
  'site/old.txt': 'older than the base image',
  'run.sh': '#!/bin/sh\necho run\n',
};

const CASES: readonly Case[] = [
  {
    name: 'copies with owners, modes and patterns',
    files: {
      ...SITE,
      Dockerfile: lines(
        'FROM base:1',
        'WORKDIR /srv/app',
        'COPY site ./site',
        'COPY --chown=1000:1000 --chmod=750 run.sh /usr/local/bin/',
        'COPY site/js/*.js site/css /flat/',
        'ADD site/index.html /new/deep/er/',
        'COPY --parents site/./js/lib/a.js /parents/',
      ),
    },
  },
  {
    name: 'commands that make, change and remove',
    files: {
      ...SITE,
      Dockerfile: lines(
        'FROM base:1',
        'ARG WHO=world',
        'ENV GREETING="hello $WHO" Z=1 A=2',
        'LABEL z=1 a=2 m=3',
        'COPY . /ctx',
        'RUN mkdir -p /made/b /made/a && echo "$GREETING" > /made/a/x && touch /etc/stamp && ln -s x /made/a/l && ln /made/a/x /made/a/h',
        'RUN rm -r /ctx/site/js && chmod 700 /made/b && chown 1000:1000 /made/a/x',
        'RUN touch /tmp/t /root/r /etc/new && rm /etc/stamp',
        'RUN <<EOF',
        'for i in 9 3 7 1; do mkdir -p /many/$i; echo $i > /many/$i/file; done',
        'env | grep -v ^HOSTNAME | sort > /many/env; hostname > /many/host; umask > /many/umask',
        'tar c -f /many/site.tar -C /ctx . ; stat -c "%Y %n" /ctx/run.sh > /many/times',
        'EOF',
        'VOLUME /data',
        'EXPOSE 90 80/udp',
        'USER web',
        'CMD ["sh"]',
      ),
    },
  },
  {
    name: 'stages beside each other, a last one of scratch',
    files: {
      ...SITE,
      Dockerfile: lines(
        'FROM base:1 AS one',
        'RUN sleep 0.3; mkdir /out; date +%s%N > /dev/null; echo one > /out/one',
        'FROM base:1 AS two',
        'COPY site /in',
        'RUN mkdir -p /out/sub; cp -r /in /out/sub/in; echo two > /out/two',
        'FROM scratch',
        'COPY --from=two /out /two',
        'COPY --from=one /out/ /one/',
        'COPY --link run.sh /bin/',
        'COPY <<EOF /text',
        'inline',
        'EOF',
        'WORKDIR /a/b/c',
        'ENTRYPOINT ["/bin/run.sh"]',
      ),
    },
  },
  {
    name: 'mounts leave nothing',
    files: {
      ...SITE,
      Dockerfile: lines(
        'FROM base:1',
        'RUN --mount=type=bind,source=site,target=/mnt/site cp -r /mnt/site /copied',
        'RUN --mount=type=tmpfs,target=/scratch/deep --mount=type=cache,target=/var/cache/it echo x > /scratch/deep/x; echo y >> /var/cache/it/y; touch /done',
        'RUN --network=none cat /etc/hosts /etc/resolv.conf > /dev/null; mkdir /etc/more',
      ),
    },
  },
  {
    name: 'a compiler with a cache keeps times to itself',
    files: {
      ...SITE,
      Dockerfile: lines(
        'FROM base:1 AS build',
        'COPY site /src',
        'RUN --mount=type=cache,target=/obj mkdir /bin2 && cat /src/index.html /src/js/app.js > /bin2/app',
        'FROM base:1',
        'COPY --from=build /bin2 /usr/bin2',
      ),
    },
  },
  {
    name: 'an epoch that is given',
    files: {
      ...SITE,
      Dockerfile: lines(
        'FROM base:1',
        'ARG SOURCE_DATE_EPOCH',
        'COPY site /site',
        'RUN echo $SOURCE_DATE_EPOCH > /epoch; mkdir /d',
      ),
    },
    args: ['--build-arg', 'SOURCE_DATE_EPOCH=1700000000'],
  },
];

/** Writes a context; `late` comes later, in the other order. What is older than the base image is the same. */
const writeContext = (path: string, files: Files, late: boolean): void => {
  const names = Object.keys(files);
  for (const name of late ? names.toReversed() : names) {
    const file = join(path, name);
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    writeFileSync(file, files[name] ?? '');
    chmodSync(file, name.endsWith('.sh') ? 0o755 : 0o644);
    const now = Date.now() / 1000 + (late ? 7200 : 60);
    const time = name.endsWith('old.txt') ? 1_500_000_000 : now;
    utimesSync(file, time, time);
  }
  for (const name of names) chmodSync(dirname(join(path, name)), 0o755);
  symlinkSync('site/index.html', join(path, 'link'));
};

const digestAt = async (registry: RegistryService, name: string): Promise<string> => {
  const reference = `docker://${registry.address}/${name}:1`;
  const found = await mustRun(SKOPEO, [
    'inspect',
    '--tls-verify=false',
    '--format',
    '{{.Digest}}',
    reference,
  ]);
  return found.stdout.trim();
};

const SKOPEO = '/usr/bin/skopeo';

describe.skipIf(!existsSync(SKOPEO))('reproducible builds on two machines (needs skopeo)', () => {
  const scratches: Scratch[] = [];
  const machines: Machine[] = [];
  const registries: RegistryService[] = [];
  const ids: Map<string, string>[] = [];

  const buildAll = async (at: number, late: boolean): Promise<void> => {
    const machine = machines[at];
    const scratch = scratches[at];
    if (machine === undefined || scratch === undefined) return;
    const found = new Map<string, string>();
    const build = async ({ files, args = [] }: Case, index: number): Promise<void> => {
      const path = scratch.join(`context-${index}`);
      mkdirSync(path, { mode: 0o755 });
      writeContext(path, files, late);
      const iid = scratch.join(`iid-${index}`);
      await machine.lade('build', '-q', '--iidfile', iid, '-t', `case-${index}:1`, ...args, path);
      found.set(String(index), readFileSync(iid, 'utf8'));
    };
    // One after the other here, all at once and the other way round there.
    if (late) await Promise.all(CASES.map((one, index) => build(one, index)).toReversed());
    else for (const [index, one] of CASES.entries()) await build(one, index);
    ids[at] = found;
  };

  beforeAll(async () => {
    const environments = [
      { env: { TZ: 'UTC', LC_ALL: 'C' } },
      { env: { TZ: 'Asia/Kolkata', LC_ALL: 'tr_TR.UTF-8', LANG: 'tr_TR.UTF-8' }, umask: '077' },
    ];
    for (const environment of environments) {
      const scratch = createScratch();
      scratches.push(scratch);
      machines.push(await startMachine(scratch, environment));
      registries.push(await startRegistry(scratch.join('registry')));
    }
    const [first, second] = machines;
    const [scratch] = scratches;
    if (first === undefined || second === undefined || scratch === undefined) throw new Error('no machines');
    await first.lade('import', await busyboxArchive(scratch), 'base:1');
    await first.lade('save', '-o', scratch.join('base.tar'), 'base:1');
    await second.lade('load', '-i', scratch.join('base.tar'));
    await buildAll(0, false);
    await buildAll(1, true);
  }, 240_000);

  afterAll(async () => {
    for (const each of [...registries, ...machines]) await each[Symbol.asyncDispose]();
    for (const scratch of scratches) scratch[Symbol.dispose]();
  }, 60_000);

  test.each(CASES.map(({ name }, index) => [name, index] as const))(
    '%s',
    async (_name, index) => {
      const [first, second] = ids.map((found) => found.get(String(index)));
      expect(first).toMatch(/^sha256:[0-9a-f]{64}$/u);
      expect(second).toBe(first);
      const digests: string[] = [];
      for (const [at, machine] of machines.entries()) {
        const registry = registries[at];
        if (registry === undefined) continue;
        const name = `${registry.address}/case-${index}:1`;
        await machine.lade('tag', `case-${index}:1`, name);
        await machine.lade('push', '-q', name);
        digests.push(await digestAt(registry, `case-${index}`));
      }
      expect(digests[0]).toMatch(/^sha256:/u);
      expect(digests[1]).toBe(digests[0]);
    },
    60_000,
  );

  test('a third build without any cache gives the same again', async () => {
    const [machine] = machines;
    const [scratch] = scratches;
    if (machine === undefined || scratch === undefined) return;
    for (const [index, { args = [] }] of CASES.entries()) {
      const built = await machine.lade(
        'build',
        '-q',
        '--no-cache',
        ...args,
        scratch.join(`context-${index}`),
      );
      expect(built.stdout.trim()).toBe(ids[0]?.get(String(index)));
    }
  }, 120_000);

  test('times that are older than the epoch stay', async () => {
    const [machine] = machines;
    if (machine === undefined) return;
    const run = ['run', '--rm', 'case-0:1', 'stat', '-c', '%Y', '/srv/app/site/old.txt'];
    expect((await machine.docker(...run)).stdout.trim()).toBe('1500000000');
  }, 60_000);
});
