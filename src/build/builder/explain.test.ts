import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestShop, type TestShop } from './testing.ts';
import type { BuildEvent, BuildRequest, MissReason } from './types.ts';

/**
 * A table of what is changed between two builds, and what `--explain` has to say of every step then: all that is not
 * named must come from the cache.
 */

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
  const other = newWorld();
  other.dockerfile = 'FROM busybox\nRUN echo other > /other\n';
  other.request = { tags: ['other'] };
  await build(other);
});
afterAll(() => shop[Symbol.asyncDispose]());

const DOCKERFILE = `ARG BASE=busybox
FROM busybox AS lib
COPY lib /lib1
RUN echo lib > /made
FROM \${BASE}
ARG A=1
ENV E=1
COPY a.txt /a.txt
COPY dir /dir
ARG LATE=1
RUN echo run > /r
COPY --from=lib /made /made
WORKDIR /w
COPY --chown=1:1 b.txt /w/
`;

/** The steps of the final stage that may miss, in their order, by how their names begin. */
const CHAIN = ['COPY a.txt', 'COPY dir', 'RUN echo run', 'COPY --from=lib', 'WORKDIR /w', 'COPY --chown'];

type Expected = Readonly<Record<string, readonly string[]>>;

/** Every step of the final stage after `first` misses because the one before it did. */
const after = (first: string): Expected =>
  Object.fromEntries(
    CHAIN.slice(CHAIN.indexOf(first) + 1).map((name, index, rest) => [
      name,
      [`step ${index === 0 ? first : (rest[index - 1] ?? '')}`],
    ]),
  );

const nameIn = (text: string): string => {
  const known = [...CHAIN, 'COPY lib', 'RUN echo lib'].find((name) => text.startsWith(name));
  return known ?? text;
};

/** One word or two for a reason. */
const told = (reason: MissReason): string => {
  switch (reason.kind) {
    case 'instruction-changed':
      return 'instruction';
    case 'variable-changed':
      return `variable ${reason.name} ${reason.before ?? '-'}>${reason.after ?? '-'}`;
    case 'setting-changed':
      return `setting ${reason.name} ${reason.before}>${reason.after}`;
    case 'base-changed':
      return `base ${reason.before.split(' ')[0]}>${reason.after.split(' ')[0]}`;
    case 'file-changed': {
      const values = reason.before === undefined ? '' : ` ${reason.before}>${reason.after ?? ''}`;
      return `file ${reason.path} ${reason.change}${values}`;
    }
    case 'earlier-step':
      return `step ${nameIn(reason.step)}`;
    case 'order-changed':
      return `order ${nameIn(reason.before)}>${nameIn(reason.after)}`;
    case 'first-build':
    case 'new-step':
    case 'no-cache':
    case 'evicted':
      return reason.kind;
    default:
      return reason satisfies never;
  }
};

/** A context on disk whose files and request can be changed. */
interface World {
  readonly root: string;
  /** Other in every case, so that no case finds what another one built. */
  readonly nonce: string;
  dockerfile: string;
  request: Partial<BuildRequest>;
  write(path: string, content: string): void;
  edit(from: string, to: string): void;
  path(name: string): string;
}

let worlds = 0;

const newWorld = (): World => {
  worlds += 1;
  const nonce = `n${worlds}`;
  const root = join(shop.path, `world${worlds}`);
  const path = (name: string): string => join(root, name);
  const world: World = {
    root,
    nonce,
    dockerfile: DOCKERFILE,
    request: {},
    path,
    write(name, content) {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), content);
    },
    edit(from, to) {
      expect(world.dockerfile).toContain(from);
      world.dockerfile = world.dockerfile.replace(from, to);
    },
  };
  mkdirSync(root);
  for (const name of ['a.txt', 'b.txt', 'lib/l.txt', 'dir/one', 'dir/two', 'dir/sub/three'])
    world.write(name, `${name}\n`);
  symlinkSync('one', path('dir/link'));
  return world;
};

/** Builds, and says of each step that is cached or carried out what became of it. */
const build = async (world: World): Promise<Expected> => {
  world.write('Dockerfile', world.dockerfile);
  const found: Record<string, readonly string[]> = {};
  const see = (event: BuildEvent): void => {
    if (event.kind !== 'step-started' || event.step.kind !== 'filesystem') return;
    found[nameIn(event.step.name)] = event.reasons.map(told);
  };
  await shop.builder.build({ context: { kind: 'directory', path: world.root }, ...world.request }, see);
  return found;
};

interface Case {
  readonly title: string;
  /** Before the first build, where that is not the usual one. */
  readonly begin?: (world: World) => void;
  readonly change: (world: World) => void;
  readonly expected: Expected | ((world: World) => Expected);
}

const CASES: readonly Case[] = [
  { title: 'nothing', change: () => undefined, expected: {} },
  {
    title: 'the content of a file',
    change: (w) => w.write('a.txt', w.nonce),
    expected: { 'COPY a.txt': ['file a.txt content'], ...after('COPY a.txt') },
  },
  {
    title: 'the content of the last file',
    change: (w) => w.write('b.txt', w.nonce),
    expected: { 'COPY --chown': ['file b.txt content'] },
  },
  {
    title: 'the mode of a file',
    begin: (w) => w.write('a.txt', w.nonce),
    change: (w) => chmodSync(w.path('a.txt'), 0o700),
    expected: { 'COPY a.txt': ['file a.txt mode 644>700'], ...after('COPY a.txt') },
  },
  {
    title: 'mode and content of a file',
    change(w) {
      w.write('a.txt', w.nonce);
      chmodSync(w.path('a.txt'), 0o600);
    },
    expected: { 'COPY a.txt': ['file a.txt content', 'file a.txt mode 644>600'], ...after('COPY a.txt') },
  },
  {
    title: 'the time of a file',
    change: (w) => utimesSync(w.path('a.txt'), new Date(0), new Date(5000)),
    expected: {},
  },
  {
    title: 'the same content, written again',
    change: (w) => w.write('a.txt', 'a.txt\n'),
    expected: {},
  },
  {
    title: 'a fresh copy of all files',
    change(w) {
      renameSync(w.path('dir'), w.path('old'));
      rmSync(w.path('old'), { recursive: true });
      for (const name of ['dir/sub/three', 'dir/two', 'dir/one']) w.write(name, `${name}\n`);
      symlinkSync('one', w.path('dir/link'));
    },
    expected: {},
  },
  {
    title: 'a file that is added',
    change: (w) => w.write(`dir/sub/${w.nonce}`, ''),
    expected: (w) => ({ 'COPY dir': [`file dir/sub/${w.nonce} added`], ...after('COPY dir') }),
  },
  {
    title: 'a file that is removed',
    begin: (w) => w.write('dir/two', w.nonce),
    change: (w) => rmSync(w.path('dir/one')),
    expected: { 'COPY dir': ['file dir/one removed'], ...after('COPY dir') },
  },
  {
    title: 'a file that is renamed',
    change: (w) => renameSync(w.path('dir/one'), w.path(`dir/${w.nonce}`)),
    expected: (w) => ({
      'COPY dir': [`file dir/${w.nonce} added`, 'file dir/one removed'],
      ...after('COPY dir'),
    }),
  },
  {
    title: 'a file that becomes a directory',
    begin: (w) => w.write('dir/one', w.nonce),
    change(w) {
      rmSync(w.path('dir/two'));
      mkdirSync(w.path('dir/two'));
    },
    expected: { 'COPY dir': ['file dir/two kind file>directory'], ...after('COPY dir') },
  },
  {
    title: 'a link that points elsewhere',
    begin: (w) => w.write('dir/one', w.nonce),
    change(w) {
      rmSync(w.path('dir/link'));
      symlinkSync('a target with spaces', w.path('dir/link'));
    },
    expected: {
      'COPY dir': ['file dir/link content one>a target with spaces'],
      ...after('COPY dir'),
    },
  },
  {
    title: 'the mode of a directory',
    begin: (w) => w.write('dir/one', w.nonce),
    change: (w) => chmodSync(w.path('dir/sub'), 0o700),
    expected: { 'COPY dir': ['file dir/sub mode 755>700'], ...after('COPY dir') },
  },
  {
    title: 'a file that no step copies',
    change: (w) => w.write('README', w.nonce),
    expected: {},
  },
  {
    title: 'a .dockerignore that leaves a file out',
    begin: (w) => w.write('dir/one', w.nonce),
    change: (w) => w.write('.dockerignore', 'dir/two\n'),
    expected: { 'COPY dir': ['file dir/two removed'], ...after('COPY dir') },
  },
  {
    title: 'a .dockerignore that changes nothing',
    change: (w) => w.write('.dockerignore', 'nothing-like-this\n'),
    expected: {},
  },
  {
    title: 'a .dockerignore that lets a file in again',
    begin(w) {
      w.write('.dockerignore', 'dir/two\n');
      w.write('dir/one', w.nonce);
    },
    change: (w) => w.write('.dockerignore', ''),
    expected: { 'COPY dir': ['file dir/two added'], ...after('COPY dir') },
  },
  {
    title: 'the words of a RUN',
    change: (w) => w.edit('RUN echo run', `RUN echo run ${w.nonce}`),
    expected: { 'RUN echo run': ['instruction'], ...after('RUN echo run') },
  },
  {
    title: 'only the case of the word RUN, and space around it',
    change: (w) => w.edit('RUN echo run', 'run    echo run'),
    expected: {},
  },
  {
    title: 'a comment and an empty line',
    change: (w) => w.edit('WORKDIR', '\n# here\nWORKDIR'),
    expected: {},
  },
  {
    title: 'the value of an ARG',
    change: (w) => (w.request = { buildArgs: { LATE: w.nonce } }),
    expected: (w) => ({ 'RUN echo run': [`variable LATE 1>${w.nonce}`], ...after('RUN echo run') }),
  },
  {
    title: 'the values of two ARGs',
    change: (w) => (w.request = { buildArgs: { LATE: w.nonce, A: 'x' } }),
    expected: (w) => ({
      'RUN echo run': ['variable A 1>x', `variable LATE 1>${w.nonce}`],
      ...after('RUN echo run'),
    }),
  },
  {
    title: 'an ARG that nothing declares',
    change: (w) => (w.request = { buildArgs: { OTHER: w.nonce } }),
    expected: {},
  },
  {
    title: 'the default of an ARG',
    change: (w) => w.edit('ARG LATE=1', `ARG LATE=${w.nonce}`),
    expected: (w) => ({ 'RUN echo run': [`variable LATE 1>${w.nonce}`], ...after('RUN echo run') }),
  },
  {
    title: 'an ARG that is used only later',
    begin: (w) => w.edit('WORKDIR', 'ARG AFTER=1\nWORKDIR'),
    change: (w) => w.edit('AFTER=1', 'AFTER=2'),
    expected: {},
  },
  {
    title: 'the value of an ENV, which COPY does not read',
    change: (w) => w.edit('ENV E=1', `ENV E=${w.nonce}`),
    expected: (w) => ({ 'RUN echo run': [`variable E 1>${w.nonce}`], ...after('RUN echo run') }),
  },
  {
    title: 'an ENV more',
    change: (w) => w.edit('ENV E=1', `ENV E=1 MORE=${w.nonce}`),
    expected: (w) => ({ 'RUN echo run': [`variable MORE ->${w.nonce}`], ...after('RUN echo run') }),
  },
  {
    title: 'an ENV less',
    begin: (w) => w.edit('ENV E=1', `ENV E=${w.nonce} MORE=2`),
    change: (w) => w.edit(' MORE=2', ''),
    expected: { 'RUN echo run': ['variable MORE 2>-'], ...after('RUN echo run') },
  },
  {
    title: 'metadata: CMD, LABEL, EXPOSE',
    change: (w) => (w.dockerfile += `CMD ["x"]\nLABEL l=${w.nonce}\nEXPOSE 80\n`),
    expected: {},
  },
  {
    title: 'the destination of a COPY',
    change: (w) => w.edit('COPY dir /dir', `COPY dir /${w.nonce}`),
    expected: { 'COPY dir': ['instruction'], ...after('COPY dir') },
  },
  {
    title: 'the source of a COPY',
    change(w) {
      w.write('dir/one', w.nonce);
      w.edit('COPY dir /dir', 'COPY dir/one /dir');
    },
    expected: {
      'COPY dir': [
        'instruction',
        'file dir/one content',
        'file dir removed',
        'file dir/link removed',
        'file dir/sub removed',
        'file dir/sub/three removed',
        'file dir/two removed',
      ],
      ...after('COPY dir'),
    },
  },
  {
    title: 'a flag of a COPY',
    begin: (w) => w.write('b.txt', w.nonce),
    change: (w) => w.edit('--chown=1:1', '--chown=2:2'),
    expected: { 'COPY --chown': ['setting chown 1:1>2:2'] },
  },
  {
    title: 'the base image',
    begin: (w) => w.write('a.txt', w.nonce),
    change: (w) => (w.request = { buildArgs: { BASE: 'other' } }),
    expected: { 'COPY a.txt': ['base busybox>other'], ...after('COPY a.txt') },
  },
  {
    title: 'the base image, below a stage without steps',
    begin: (w) => {
      w.write('a.txt', w.nonce);
      w.edit('FROM ${BASE}', 'FROM ${BASE} AS low\nLABEL low=1\nFROM low AS middle\nFROM middle');
    },
    change: (w) => (w.request = { buildArgs: { BASE: 'other' } }),
    expected: { 'COPY a.txt': ['base busybox>other'], ...after('COPY a.txt') },
  },
  {
    title: 'the base image under another name',
    change: (w) => w.edit('BASE=busybox', 'BASE=busybox:latest'),
    expected: {},
  },
  {
    title: 'what a stage takes, where it comes out the same',
    change: (w) => w.write('lib/l.txt', w.nonce),
    expected: { 'COPY lib': ['file lib/l.txt content'], 'RUN echo lib': ['step COPY lib'] },
  },
  {
    title: 'what a stage makes',
    change: (w) => w.edit('RUN echo lib', `RUN echo lib ${w.nonce}`),
    expected: {
      'RUN echo lib': ['instruction'],
      'COPY --from=lib': ['file made content'],
      ...after('COPY --from=lib'),
    },
  },
  {
    title: 'a stage and a file',
    change(w) {
      w.edit('RUN echo lib', `RUN echo lib ${w.nonce}`);
      w.write('b.txt', w.nonce);
    },
    expected: {
      'RUN echo lib': ['instruction'],
      'COPY --from=lib': ['file made content'],
      'WORKDIR /w': ['step COPY --from=lib'],
      'COPY --chown': ['file b.txt content', 'step WORKDIR /w'],
    },
  },
  {
    title: 'a file and an ARG',
    change(w) {
      w.write('a.txt', w.nonce);
      w.request = { buildArgs: { LATE: '2' } };
    },
    expected: {
      'COPY a.txt': ['file a.txt content'],
      ...after('COPY a.txt'),
      'RUN echo run': ['variable LATE 1>2', 'step COPY dir'],
    },
  },
  {
    title: 'an inserted RUN',
    change: (w) => w.edit('COPY dir', `RUN echo ${w.nonce}\nCOPY dir`),
    expected: (w) => ({
      [`RUN echo ${w.nonce}`]: ['new-step'],
      'COPY dir': [`order COPY a.txt>RUN echo ${w.nonce}`],
      ...after('COPY dir'),
    }),
  },
  {
    title: 'an inserted RUN before one that changed',
    change: (w) => w.edit('RUN echo run', `RUN true ${w.nonce}\nRUN echo run and more`),
    expected: (w) => ({
      [`RUN true ${w.nonce}`]: ['new-step'],
      'RUN echo run': ['instruction', `order COPY dir>RUN true ${w.nonce}`],
      ...after('RUN echo run'),
    }),
  },
  {
    title: 'an inserted first step',
    change: (w) => w.edit('COPY a.txt', `RUN echo ${w.nonce}\nCOPY a.txt`),
    expected: (w) => ({
      [`RUN echo ${w.nonce}`]: ['new-step'],
      'COPY a.txt': [`order FROM \${BASE}>RUN echo ${w.nonce}`],
      ...after('COPY a.txt'),
    }),
  },
  {
    title: 'a removed step',
    begin: (w) => w.edit('COPY dir', `RUN echo ${w.nonce}\nCOPY dir`),
    change: (w) => w.edit(`RUN echo ${w.nonce}\n`, ''),
    expected: {},
  },
  {
    title: 'a removed step, never built without it',
    begin(w) {
      w.write('a.txt', w.nonce);
      w.edit('COPY dir', 'RUN true\nCOPY dir');
    },
    change: (w) => w.edit('RUN true\n', ''),
    expected: { 'COPY dir': ['order RUN true>COPY a.txt'], ...after('COPY dir') },
  },
  {
    title: 'two steps that change places',
    begin: (w) => w.write('a.txt', w.nonce),
    change: (w) => w.edit('COPY a.txt /a.txt\nCOPY dir /dir\n', 'COPY dir /dir\nCOPY a.txt /a.txt\n'),
    expected: {
      'COPY dir': ['order COPY a.txt>FROM ${BASE}'],
      'COPY a.txt': ['order FROM ${BASE}>COPY dir'],
      'RUN echo run': ['order COPY dir>COPY a.txt'],
      ...after('RUN echo run'),
    },
  },
  {
    title: 'a stage inserted before others that have no name',
    begin: (w) => w.write('a.txt', w.nonce),
    change: (w) => w.edit('FROM ${BASE}', 'FROM busybox\nRUN true\nFROM ${BASE}'),
    expected: {},
  },
  {
    title: 'another name of a stage',
    change(w) {
      w.edit('AS lib', 'AS library');
      w.edit('--from=lib', '--from=library');
      w.write('lib/l.txt', w.nonce);
    },
    expected: { 'COPY lib': ['file lib/l.txt content'], 'RUN echo lib': ['step COPY lib'] },
  },
  {
    title: 'the network of a RUN',
    begin: (w) => w.write('b.txt', w.nonce),
    change: (w) => w.edit('RUN echo run', 'RUN --network=none echo run'),
    expected: {
      'RUN --network=none echo run > /r': ['setting network default>none'],
      'COPY --from=lib': ['step RUN --network=none echo run > /r'],
      ...after('COPY --from=lib'),
    },
  },
  {
    title: 'the user of a RUN',
    change: (w) => w.edit('ARG LATE', 'USER 7\nARG LATE'),
    begin: (w) => w.edit('RUN echo run > /r', 'RUN echo run x'),
    expected: {
      'RUN echo run': ['setting user >7'],
      'COPY --from=lib': ['step RUN echo run'],
      'WORKDIR /w': ['setting user >7', 'step COPY --from=lib'],
      'COPY --chown': ['step WORKDIR /w'],
    },
  },
  {
    title: 'the epoch',
    begin(w) {
      w.write('b.txt', w.nonce);
      w.request = { buildArgs: { SOURCE_DATE_EPOCH: '1' }, target: 'lib' };
      w.edit('RUN echo lib', `RUN echo lib ${w.nonce}`);
    },
    change: (w) => (w.request = { buildArgs: { SOURCE_DATE_EPOCH: '2' }, target: 'lib' }),
    expected: {
      'COPY lib': ['setting SOURCE_DATE_EPOCH 1>2'],
      'RUN echo lib': ['setting SOURCE_DATE_EPOCH 1>2', 'step COPY lib'],
    },
  },
  {
    title: 'the network of the build',
    begin(w) {
      w.request = { network: 'none', target: 'lib' };
      w.edit('RUN echo lib', `RUN echo lib ${w.nonce}`);
    },
    change: (w) => (w.request = { network: 'host', target: 'lib' }),
    expected: { 'RUN echo lib': ['setting network of the build none>host'] },
  },
  {
    title: 'the hosts of the build',
    begin(w) {
      w.request = { extraHosts: ['a:10.0.0.1'], target: 'lib' };
      w.edit('RUN echo lib', `RUN echo lib ${w.nonce}`);
    },
    change: (w) => (w.request = { extraHosts: ['a:10.0.0.2'], target: 'lib' }),
    expected: { 'RUN echo lib': ['setting hosts a:10.0.0.1>a:10.0.0.2'] },
  },
  {
    title: 'an inserted WORKDIR, which RUN steps see',
    change: (w) => w.edit('COPY dir', `WORKDIR /${w.nonce}\nCOPY dir`),
    expected: (w) => ({
      [`WORKDIR /${w.nonce}`]: ['new-step'],
      'COPY dir': [`order COPY a.txt>WORKDIR /${w.nonce}`],
      ...after('COPY dir'),
      'RUN echo run': [`setting workdir />/${w.nonce}`, 'step COPY dir'],
    }),
  },
  {
    title: 'the content of a heredoc',
    begin: (w) => w.edit('WORKDIR', `COPY <<X <<Y /h/\n${w.nonce}\nX\nsame\nY\nWORKDIR`),
    change: (w) => w.edit(`${w.nonce}\nX`, 'other words\nX'),
    expected: {
      'COPY <<X <<Y /h/': ['file <<X content'],
      'WORKDIR /w': ['step COPY <<X <<Y /h/'],
      'COPY --chown': ['step WORKDIR /w'],
    },
  },
  {
    title: 'a mount of a RUN',
    begin: (w) => w.edit('RUN echo run', `RUN --mount=type=tmpfs,target=/${w.nonce} echo run`),
    change: (w) => w.edit(`target=/${w.nonce}`, 'target=/elsewhere'),
    expected: (w) => ({
      [`RUN --mount=type=tmpfs,target=/elsewhere echo run > /r`]: [
        `setting mount 1 target /${w.nonce}>/elsewhere`,
      ],
      'COPY --from=lib': ['step RUN --mount=type=tmpfs,target=/elsewhere echo run > /r'],
      ...after('COPY --from=lib'),
    }),
  },
  {
    title: 'what is in a cache mount, and the value of a secret',
    begin(w) {
      w.edit(
        'RUN echo run',
        `RUN --mount=type=cache,target=/c --mount=type=secret,id=s echo ${w.nonce} >> /c/x; echo run`,
      );
      w.request = { secrets: { s: Buffer.from('one-secret') } };
    },
    change: (w) => (w.request = { secrets: { s: Buffer.from('other-secret') } }),
    expected: {},
  },
  {
    title: 'a file that a RUN mounts',
    begin: (w) =>
      w.edit('RUN echo run', 'RUN --mount=type=bind,source=b.txt,target=/b cat /b > /b2; echo run'),
    change: (w) => w.write('b.txt', w.nonce),
    expected: {
      'RUN --mount=type=bind,source=b.txt,target=/b cat /b > /b2; echo run > /r': ['file b.txt content'],
      'COPY --from=lib': ['step RUN --mount=type=bind,source=b.txt,target=/b cat /b > /b2; echo run > /r'],
      'WORKDIR /w': ['step COPY --from=lib'],
      'COPY --chown': ['file b.txt content', 'step WORKDIR /w'],
    },
  },
  {
    title: 'a COPY --link, which what is below does not touch',
    begin: (w) => w.edit('COPY --chown', 'COPY --link --chown'),
    change: (w) => w.write('a.txt', w.nonce),
    expected: () => {
      const { 'COPY --chown': _own, ...rest } = after('COPY a.txt');
      return { 'COPY a.txt': ['file a.txt content'], ...rest };
    },
  },
  {
    title: 'three kinds at once',
    change(w) {
      w.write('a.txt', w.nonce);
      w.edit('RUN echo run', 'RUN echo ran');
      w.request = { buildArgs: { A: '3' } };
    },
    expected: {
      'COPY a.txt': ['file a.txt content'],
      'COPY dir': ['step COPY a.txt'],
      'RUN echo ran > /r': ['instruction', 'variable A 1>3', 'step COPY dir'],
      'COPY --from=lib': ['step RUN echo ran > /r'],
      ...after('COPY --from=lib'),
    },
  },
  {
    title: '--no-cache',
    change: (w) => (w.request = { noCache: true }),
    expected: Object.fromEntries([...CHAIN, 'COPY lib', 'RUN echo lib'].map((name) => [name, ['no-cache']])),
  },
  {
    title: '--no-cache-filter of a stage that comes out the same',
    change: (w) => (w.request = { noCacheFilter: ['LIB'] }),
    expected: { 'COPY lib': ['no-cache'], 'RUN echo lib': ['no-cache'] },
  },
];

describe('explain', () => {
  test('the table has what it claims', () => expect(CASES.length).toBeGreaterThanOrEqual(40));

  test.each(CASES.map((one) => [one.title, one] as const))(
    '%s',
    async (_title, { begin, change, expected }) => {
      const world = newWorld();
      begin?.(world);
      await build(world);
      change(world);
      expect(await build(world)).toEqual(typeof expected === 'function' ? expected(world) : expected);
    },
  );
});

describe('builds in a row', () => {
  test('switching to another branch and back takes everything from the cache', async () => {
    const world = newWorld();
    const main = world.dockerfile;
    await build(world);
    world.edit('RUN echo run', `RUN echo ${world.nonce}`);
    world.write('a.txt', world.nonce);
    await build(world);
    world.dockerfile = main;
    world.write('a.txt', 'a.txt\n');
    expect(await build(world)).toEqual({});
    // What is told is the difference from the last build, also when that was cached.
    world.request = { buildArgs: { LATE: world.nonce } };
    expect(await build(world)).toEqual({
      'RUN echo run': [`variable LATE 1>${world.nonce}`],
      ...after('RUN echo run'),
    });
  });

  test('two contexts of one Dockerfile are compared each with itself', async () => {
    const [one, two] = [newWorld(), newWorld()];
    one.write('a.txt', one.nonce);
    two.write('a.txt', two.nonce);
    await build(one);
    await build(two);
    one.write('b.txt', one.nonce);
    expect(await build(one)).toEqual({ 'COPY --chown': ['file b.txt content'] });
    two.write('b.txt', two.nonce);
    expect(await build(two)).toEqual({ 'COPY --chown': ['file b.txt content'] });
  });

  test('another target is compared with the last build that had its stage', async () => {
    const world = newWorld();
    world.write('lib/l.txt', world.nonce);
    world.request = { target: 'lib' };
    await build(world);
    world.request = {};
    await build(world);
    world.request = { target: 'lib' };
    world.write('lib/l.txt', `${world.nonce} again`);
    expect(await build(world)).toEqual({
      'COPY lib': ['file lib/l.txt content'],
      'RUN echo lib': ['step COPY lib'],
    });
  });

  test('a step that was never reached is compared with the last time that it was', async () => {
    const world = newWorld();
    world.write('a.txt', world.nonce);
    await build(world);
    world.edit('COPY dir', 'RUN exit 3\nCOPY dir');
    await expect(build(world)).rejects.toThrow();
    world.edit('RUN exit 3\n', '');
    expect(await build(world)).toEqual({});
  });

  test('a Dockerfile that is built for the first time', async () => {
    const world = newWorld();
    world.write('a.txt', world.nonce);
    expect((await build(world))['COPY a.txt']).toEqual(['first-build']);
  });

  test('builds at the same time carry out each step once', async () => {
    const world = newWorld();
    world.dockerfile = `FROM busybox\nRUN head -c 9 /proc/sys/kernel/random/uuid > /id && sleep 0.3; echo ${world.nonce}\nCOPY a.txt /\n`;
    world.write('Dockerfile', world.dockerfile);
    const context = { kind: 'directory', path: world.root } as const;
    const counts = { cached: 0, done: 0 };
    const see = (event: BuildEvent): void => {
      if (event.kind === 'step-cached') counts.cached += 1;
      if (event.kind === 'step-done' && event.step.kind === 'filesystem') counts.done += 1;
    };
    const built = await Promise.all([1, 2, 3].map(() => shop.builder.build({ context }, see)));
    expect(new Set(built.map(({ imageId }) => imageId)).size).toBe(1);
    expect(counts).toEqual({ cached: 4, done: 2 });
  });
});
