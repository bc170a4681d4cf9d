import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
  statSync,
  readlinkSync,
  lstatSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasLeftovers, type BuildEvent, type BuildRequest, type MissReason } from './index.ts';
import { openTestShop, putFiles, type TestShop } from './testing.ts';

const isRoot = process.getuid?.() === 0 && existsSync('/bin/busybox');

let shop: TestShop;

const contextOf = (files: Readonly<Record<string, string>>): string => shop.newContext(files);

const build = async (path: string, more: Partial<BuildRequest> = {}) => {
  const events: BuildEvent[] = [];
  const request = { context: { kind: 'directory', path } as const, ...more };
  const result = await shop.builder.build(request, (event) => void events.push(event));
  const config = shop.library.config(result.imageId);
  const log = events
    .map((event) => (event.kind === 'step-log' ? Buffer.from(event.data).toString() : ''))
    .join('');
  const kinds = events.flatMap((event) =>
    (event.kind === 'step-cached' || event.kind === 'step-started') && event.step.kind === 'filesystem'
      ? [`${event.kind === 'step-cached' ? 'cached' : 'run'} ${event.step.name}`]
      : [],
  );
  return { ...result, events, config, log, kinds };
};

const failure = async (path: string, more: Partial<BuildRequest> = {}): Promise<Error> => {
  const error: unknown = await build(path, more).catch((reason: unknown) => reason);
  if (!(error instanceof Error)) throw new Error('the build did not fail');
  return error;
};

const reasonsOf = (events: readonly BuildEvent[], name: string): readonly MissReason[] =>
  events.flatMap((event) =>
    event.kind === 'step-started' && event.step.name.startsWith(name) ? event.reasons : [],
  );

/** Looks into the image that a build made. */
const look = async <T>(
  config: { readonly rootfs: { readonly diffIds: Parameters<TestShop['layers']['mountReadOnly']>[0] } },
  use: (root: string) => T,
): Promise<T> => {
  await using view = await shop.layers.mountReadOnly(config.rootfs.diffIds);
  return use(view.path);
};

describe.skipIf(!isRoot)('builder (needs root and /bin/busybox)', () => {
  beforeAll(async () => {
    shop = await openTestShop();
  });
  afterAll(async () => {
    await shop[Symbol.asyncDispose]();
  });

  test('builds stages, copies between them, runs, and writes the configuration as docker does', async () => {
    const path = contextOf({
      Dockerfile: [
        'ARG BASE=busybox',
        'FROM ${BASE} AS build',
        'WORKDIR /src',
        'COPY . .',
        'ARG GREETING=hello',
        'RUN echo "$GREETING $(cat a.txt)" > /out && mkdir -p /deep/dir && echo x > /deep/dir/x',
        'FROM busybox',
        'ENV NAME=world PLACE="a b"',
        'WORKDIR /app',
        'COPY --from=build /out ./result',
        'COPY --from=build --chown=app /deep /deep',
        'RUN cat result; echo "to stderr" >&2; id -u',
        'EXPOSE 3000 53/udp',
        'VOLUME /data',
        'LABEL a=1',
        'USER app',
        'HEALTHCHECK --interval=5s CMD true',
        'STOPSIGNAL SIGINT',
        'ENTRYPOINT ["/bin/sh", "-c"]',
        'CMD echo $NAME',
      ].join('\n'),
      'a.txt': 'from a',
      'sub/b.txt': 'b',
    });
    const { config, log, events, kinds } = await build(path, { tags: ['x/app:1'], labels: { extra: 'yes' } });
    // The two streams have no order between them.
    expect(log.split('\n').toSorted()).toEqual(['', '0', 'hello from a', 'to stderr']);
    expect(config.config).toEqual({
      Env: ['PATH=/bin:/usr/bin', 'NAME=world', 'PLACE=a b'],
      WorkingDir: '/app',
      ExposedPorts: { '3000/tcp': {}, '53/udp': {} },
      Volumes: { '/data': {} },
      Labels: { a: '1', extra: 'yes' },
      User: 'app',
      Healthcheck: { Test: ['CMD-SHELL', 'true'], Interval: 5e9 },
      StopSignal: 'SIGINT',
      Entrypoint: ['/bin/sh', '-c'],
      Cmd: ['/bin/sh', '-c', 'echo $NAME'],
      ArgsEscaped: true,
    });
    expect(config.history.map((entry) => [entry.createdBy, entry.emptyLayer ?? false])).toEqual([
      ['busybox', false],
      ['ENV NAME=world PLACE=a b', true],
      ['WORKDIR /app', false],
      ['COPY /out ./result # buildkit', false],
      ['COPY --chown=app /deep /deep # buildkit', false],
      ['RUN /bin/sh -c cat result; echo "to stderr" >&2; id -u # buildkit', true],
      ['EXPOSE [3000/tcp 53/udp]', true],
      ['VOLUME [/data]', true],
      ['LABEL a=1', true],
      ['USER app', true],
      ['HEALTHCHECK --interval=5s CMD true', true],
      ['STOPSIGNAL SIGINT', true],
      ['ENTRYPOINT ["/bin/sh" "-c"]', true],
      ['CMD ["/bin/sh" "-c" "echo $NAME"]', true],
    ]);
    expect(config.rootfs.diffIds).toHaveLength(4);
    await look(config, (root) => {
      expect(readFileSync(join(root, 'app/result'), 'utf8')).toBe('hello from a\n');
      expect(statSync(join(root, 'deep/dir/x'))).toMatchObject({ uid: 1000, gid: 1001 });
      expect(statSync(join(root, 'app')).mode & 0o777).toBe(0o755);
      expect(existsSync(join(root, 'src'))).toBe(false);
      expect(existsSync(join(root, 'etc/resolv.conf'))).toBe(false);
    });
    expect(kinds.filter((kind) => kind.startsWith('run'))).toHaveLength(7);
    const steps = events.flatMap((event) => (event.kind === 'step-started' ? [event.step] : []));
    expect(new Set(steps.map((step) => step.total))).toEqual(new Set([19]));
    expect(steps.map((step) => step.index).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 19 }, (_, i) => i + 1),
    );
    expect(shop.layers.snapshots()).toEqual([]);
    expect(readdirSync(join(shop.root.path, 'builds'))).toEqual([]);
  });

  test('a second build takes everything from the cache and gives the same image', async () => {
    const path = contextOf({
      Dockerfile: 'FROM busybox\nWORKDIR /w\nCOPY a .\nRUN echo 1 > b\nCMD x\n',
      a: '1',
    });
    const first = await build(path);
    const second = await build(path);
    expect(second.kinds).toEqual(['cached WORKDIR /w', 'cached COPY a .', 'cached RUN echo 1 > b']);
    expect(second.imageId).toBe(first.imageId);
    expect(second.steps).toEqual({ total: 5, cached: 3, executed: 0 });
    const reopened = shop.reopen();
    const third = await reopened.build({ context: { kind: 'directory', path } }, () => undefined);
    expect(third).toMatchObject({ imageId: first.imageId, steps: { cached: 3 } });
  });

  test('says why a step was not cached', async () => {
    const dockerfile = (run: string, env: string) =>
      `FROM busybox\nENV E=${env}\nCOPY src /src\nRUN ${run}\nRUN true\n`;
    const path = contextOf({ Dockerfile: dockerfile('echo 1', 'a'), 'src/a': 'a', 'src/b': 'b' });
    const first = await build(path);
    expect(reasonsOf(first.events, 'COPY')).toEqual([{ kind: 'first-build' }]);
    putFiles(path, { 'src/a': 'changed', 'src/c': 'new' });
    const second = await build(path);
    expect(reasonsOf(second.events, 'COPY')).toEqual([
      { kind: 'file-changed', path: 'src/a', change: 'content' },
      { kind: 'file-changed', path: 'src/c', change: 'added' },
    ]);
    expect(reasonsOf(second.events, 'RUN echo')).toEqual([{ kind: 'earlier-step', step: 'COPY src /src' }]);
    putFiles(path, { Dockerfile: dockerfile('echo 2', 'a') });
    const third = await build(path);
    expect(reasonsOf(third.events, 'RUN echo')).toEqual([
      { kind: 'instruction-changed', before: 'RUN /bin/sh -c echo 1', after: 'RUN /bin/sh -c echo 2' },
    ]);
    putFiles(path, { Dockerfile: dockerfile('echo 2', 'b') });
    const fourth = await build(path);
    expect(fourth.kinds[0]).toBe('cached COPY src /src');
    expect(reasonsOf(fourth.events, 'RUN echo')).toEqual([
      { kind: 'variable-changed', name: 'E', before: 'a', after: 'b' },
    ]);
    const fifth = await build(path, { noCache: true });
    expect(reasonsOf(fifth.events, 'COPY')).toEqual([{ kind: 'no-cache' }]);
  });

  test('a stage that comes out the same keeps what copies from it cached; unused stages never run', async () => {
    const dockerfile = (text: string) =>
      `FROM busybox AS unused\nRUN exit 9\nFROM busybox AS a\nRUN : ${text}; echo same > /out\nFROM busybox\nCOPY --from=a /out /out\nRUN cat /out\n`;
    const path = contextOf({ Dockerfile: dockerfile('1') });
    const first = await build(path);
    expect(first.kinds).toHaveLength(3);
    putFiles(path, { Dockerfile: dockerfile('2') });
    const second = await build(path);
    expect(second.kinds.map((kind) => kind.split(' ').slice(0, 2).join(' '))).toEqual([
      'run RUN',
      'cached COPY',
      'cached RUN',
    ]);
    expect(second.imageId).toBe(first.imageId);
    const target = await build(path, { target: 'a' });
    expect(target.config.rootfs.diffIds).toHaveLength(2);
    expect((await failure(path, { target: 'aa' })).message).toContain('target stage "aa" could not be found');
  });

  test('a failing command: exit code, last output, lines; nothing is left', async () => {
    const path = contextOf({ Dockerfile: 'FROM busybox\nRUN echo one && \\\n  echo two >&2 && exit 3\n' });
    const before = shop.layers.list().length;
    const error = await failure(path);
    expect(error).toMatchObject({ code: 'STEPS_RUN_FAILED', details: { exitCode: 3, line: 2 } });
    expect(error.message).toMatch(
      /exit code: 3[^]*two[^]*Dockerfile:2[^]*>>> RUN echo one[^]*>>> +echo two/u,
    );
    expect((await failure(contextOf({ Dockerfile: 'FROM busybox\nRUN ["/nope"]\n' }))).message).toContain(
      'exit code: 127',
    );
    expect(shop.layers.snapshots()).toEqual([]);
    expect(shop.layers.list()).toHaveLength(before);
    expect(readdirSync(join(shop.root.path, 'builds'))).toEqual([]);
  });

  test('a missing source is named, with what was meant and with the ignore file that excludes it', async () => {
    const files = { Dockerfile: 'FROM busybox\nCOPY package.jsn /x\n', 'package.json': '{}' };
    const missing = await failure(contextOf(files));
    expect(missing).toMatchObject({ code: 'SOURCES_SOURCE_NOT_FOUND', hint: 'did you mean package.json?' });
    expect(missing.message).toMatch(/"package.jsn" is not in the build context\nDockerfile:2/u);
    const ignored = await failure(
      contextOf({
        Dockerfile: 'FROM busybox\nCOPY secret.txt /x\n',
        'secret.txt': 's',
        '.dockerignore': '*.txt\n',
      }),
    );
    expect(ignored).toMatchObject({ code: 'SOURCES_SOURCE_IGNORED' });
    expect(ignored.message).toContain('.dockerignore');
    const from = await failure(
      contextOf({ Dockerfile: 'FROM busybox AS a\nFROM busybox\nCOPY --from=a /nope /x\n' }),
    );
    expect(from.message).toContain('"/nope" is not in the stage a');
  });

  test('other mistakes are told clearly', async () => {
    expect((await failure(contextOf({ dockerfile: 'FROM x' }))).message).toContain(
      'failed to read Dockerfile',
    );
    expect((await failure(join(shop.path, 'nowhere'))).message).toContain('not found');
    expect((await failure(contextOf({ Dockerfile: 'FROM busybox\nRNU x' }))).message).toContain(
      'did you mean RUN?',
    );
    expect((await failure(contextOf({ Dockerfile: 'FROM 127.0.0.1:1/no/image' }))).message).toContain(
      'cannot fetch the base image 127.0.0.1:1/no/image',
    );
    expect((await failure(contextOf({ Dockerfile: 'ARG X\nFROM $X' }))).message).toContain(
      'should not be blank',
    );
    const two = contextOf({ Dockerfile: 'FROM busybox\nCOPY a b /x\n', a: '', b: '' });
    expect((await failure(two)).message).toContain('must be a directory');
    const onFile = contextOf({ Dockerfile: 'FROM busybox\nCOPY d /etc/passwd\n', 'd/x': '' });
    expect((await failure(onFile)).message).toContain('cannot copy to non-directory');
    const owner = contextOf({ Dockerfile: 'FROM busybox\nCOPY --chown=nobody9 a /a\n', a: '' });
    expect((await failure(owner)).message).toContain('nobody9');
    expect(
      (await failure(contextOf({ Dockerfile: 'FROM busybox\nADD ftp://x.y/z /z\n' }))).message,
    ).toContain('only http, https, git and ssh');
  });

  test('copies with patterns, owners, modes, links and the ignore file', async () => {
    const path = contextOf({
      Dockerfile: [
        'FROM busybox',
        'COPY *.txt package*.json /many/',
        'COPY --chown=app:staff --chmod=640 a.txt /owned/dir/file',
        'COPY --chmod=u=rwX,go=rX dir /dir',
        'COPY . /all',
        'COPY --exclude=*.txt . /some',
        'COPY --parents ./dir/deep/x.txt dir/./deep/y.txt /parents/',
        'COPY a.txt /var/run',
        'COPY link /followed',
        'COPY none* /none/',
        'COPY <<one.sh <<"two" /here/',
        '#!/bin/sh',
        'echo $PATH',
        'one.sh',
        '$PATH',
        'two',
        'RUN cat /here/one.sh',
      ].join('\n'),
      'a.txt': 'a',
      'b.txt': 'b',
      'package.json': '{}',
      'dir/deep/x.txt': 'x',
      'dir/deep/y.txt': 'y',
      'node_modules/m/index.js': 'm',
      'keep/ignored/no': 'no',
      'keep/ignored/yes': 'yes',
      '.dockerignore': 'node_modules\nkeep/ignored\n!keep/ignored/yes\n',
    });
    symlinkSync('../../../../../etc/hostname', join(path, 'escape'));
    symlinkSync('dir/deep', join(path, 'link'));
    utimesSync(join(path, 'a.txt'), 1000, 1000);
    const { config } = await build(path);
    await look(config, (root) => {
      const read = (name: string): string => readFileSync(join(root, name), 'utf8');
      expect(readdirSync(join(root, 'many'))).toEqual(['a.txt', 'b.txt', 'package.json']);
      expect(statSync(join(root, 'owned/dir/file'))).toMatchObject({ uid: 1000, gid: 50 });
      expect(statSync(join(root, 'owned/dir/file')).mode & 0o7777).toBe(0o640);
      expect(statSync(join(root, 'owned/dir'))).toMatchObject({ uid: 1000, gid: 50 });
      expect(statSync(join(root, 'dir/deep')).mode & 0o7777).toBe(0o755);
      expect(readdirSync(join(root, 'all')).toSorted()).toEqual(
        [
          '.dockerignore',
          'Dockerfile',
          'a.txt',
          'b.txt',
          'dir',
          'escape',
          'keep',
          'link',
          'package.json',
        ].toSorted(),
      );
      expect(readdirSync(join(root, 'all/keep/ignored'))).toEqual(['yes']);
      expect(readlinkSync(join(root, 'all/escape'))).toBe('../../../../../etc/hostname');
      expect(existsSync(join(root, 'some/a.txt'))).toBe(false);
      expect(existsSync(join(root, 'some/dir/deep/x.txt'))).toBe(true);
      expect(read('parents/dir/deep/x.txt') + read('parents/deep/y.txt')).toBe('xy');
      expect(lstatSync(join(root, 'var/run')).isSymbolicLink()).toBe(true);
      expect(read('run/a.txt')).toBe('a');
      expect(readdirSync(join(root, 'followed'))).toEqual(['x.txt', 'y.txt']);
      expect(read('here/one.sh')).toBe('#!/bin/sh\necho /bin:/usr/bin\n');
      expect(read('here/two')).toBe('$PATH\n');
      expect(statSync(join(root, 'all/a.txt')).mtimeMs).toBe(1_000_000);
      // Times later than the base image's are clamped to it.
      expect(statSync(join(root, 'all/b.txt')).mtimeMs).toBe(Date.parse('2026-01-01T00:00:00Z'));
      expect(statSync(join(root, 'all/a.txt'))).toMatchObject({ uid: 0, gid: 0 });
    });
    const escaping = contextOf({ Dockerfile: 'FROM busybox\nCOPY escape /x\n' });
    symlinkSync('../../../../../../etc/hostname', join(escaping, 'escape'));
    expect((await failure(escaping)).message).toContain('"escape" is not in the build context');
  });

  test('heredocs in RUN, SHELL, ARG scopes and history', async () => {
    const path = contextOf({
      Dockerfile: [
        'FROM busybox AS base',
        'ARG INHERITED=1',
        'FROM base',
        'ARG A=x',
        'RUN <<EOF',
        'echo first $A',
        'echo second $INHERITED',
        'EOF',
        'RUN <<S',
        '#!/bin/cat',
        'shebang',
        'S',
        'SHELL ["/bin/sh", "-ec"]',
        'RUN echo $0 $A $http_proxy',
      ].join('\n'),
    });
    const { log, config } = await build(path, { buildArgs: { A: 'y', http_proxy: 'p', UNUSED: '1' } });
    expect(log).toBe('first y\nsecond 1\n#!/bin/cat\nshebang\n/bin/sh y p\n');
    expect(config.history.at(-1)?.createdBy).toBe(
      'RUN |2 INHERITED=1 A=y /bin/sh -ec echo $0 $A $http_proxy # buildkit',
    );
    expect(JSON.stringify(config)).not.toContain('http_proxy=');
  });

  test('a mount of a stage counts by what it shows', async () => {
    const dockerfile = (comment: string, shown: string, other: string, from: string): string =>
      [
        'FROM busybox AS other',
        `RUN mkdir /o && echo ${shown} > /o/f && echo ${other} > /beside # ${comment}`,
        'FROM busybox',
        `RUN --mount=from=other,${from}target=/o cat /proc/sys/kernel/random/uuid > /made`,
      ].join('\n');
    const idOf = async (...file: Parameters<typeof dockerfile>) =>
      (await build(contextOf({ Dockerfile: dockerfile(...file) }))).config.rootfs.diffIds.at(-1);
    const source = 'source=/o,';
    const first = await idOf('1', 'a', 'b', source);
    expect(await idOf('2', 'a', 'b', source)).toBe(first);
    expect(await idOf('2', 'a', 'c', source)).toBe(first);
    expect(await idOf('2', 'd', 'c', source)).not.toBe(first);
    const whole = await idOf('1', 'a', 'b', '');
    expect(await idOf('3', 'a', 'b', '')).toBe(whole);
    expect(await idOf('3', 'a', 'e', '')).not.toBe(whole);
    await expect(idOf('3', 'a', 'e', 'source=/nothing,')).rejects.toThrow(/nothing/u);
  });

  test('mounts: bind, cache, tmpfs, secret; nothing of them stays', async () => {
    const path = contextOf({
      Dockerfile: [
        'FROM busybox AS other',
        'RUN mkdir /o && echo other > /o/f',
        'FROM busybox',
        'RUN --mount=target=/ctx --mount=from=other,source=/o,target=/o,rw cat /ctx/a /o/f && echo x > /o/new && ! touch /ctx/b 2> /dev/null',
        'RUN --mount=type=cache,target=/cache/deep echo line >> /cache/deep/log && wc -l < /cache/deep/log',
        'RUN --mount=type=tmpfs,target=/t,size=1m df /t | grep -c tmpfs; echo y > /t/y',
        'RUN --mount=type=secret,id=k --mount=type=secret,id=e,target=/run/secrets/e,env=E --mount=type=cache,target=/run/more/deep --mount=type=secret,id=absent cat /run/secrets/k; echo $E; test "$(cat /run/secrets/e)" = "$E" && echo ${#E}',
      ].join('\n'),
      a: 'context',
    });
    const secrets = { k: Buffer.from('KEY\n'), e: Buffer.from('env') };
    const { log, config } = await build(path, { secrets });
    expect(log).toBe('contextother\n1\n1\n****\n****\n3\n');
    expect(config.rootfs.diffIds).toHaveLength(1);
    const again = await build(path, { secrets, noCache: true });
    expect(again.log).toContain('\n2\n');
    const beside = await build(
      contextOf({ Dockerfile: 'FROM busybox\nRUN --mount=type=cache,target=/run/a/b/c touch /run/a/own\n' }),
    );
    await look(beside.config, (root) => {
      expect(readdirSync(join(root, 'run/a'))).toEqual(['own']);
    });
    const required = contextOf({ Dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=z,required true\n' });
    expect((await failure(required)).message).toContain('secret z is required');
    expect(shop.layers.snapshots()).toEqual([]);
  });

  test.each([
    ['a file that a RUN step mounts', 'RUN --mount=target=/ctx cat /ctx/d/f', 'd/f'],
    ['a file that appears beside it', 'RUN --mount=source=d,target=/ctx ls /ctx', 'd/new'],
    ['an archive that is unpacked', 'ADD a.tar /to/', 'a.tar'],
  ])('%s must not change after its key was made', async (_, step, changed) => {
    const path = contextOf({ Dockerfile: `FROM busybox\n${step}\n`, 'd/f': 'one' });
    const pack = (): Buffer => execFileSync('tar', ['-cf', '-', '-C', path, 'd']);
    writeFileSync(join(path, 'a.tar'), pack());
    const request = { context: { kind: 'directory', path } as const };
    const building = shop.builder.build(request, (event) => {
      if (event.kind !== 'step-started' || event.step.kind !== 'filesystem') return;
      writeFileSync(join(path, 'd/f'), 'two');
      writeFileSync(join(path, changed), changed === 'a.tar' ? pack() : 'two');
    });
    await expect(building).rejects.toMatchObject({ code: 'SOURCES_CONTEXT_CHANGED' });
    expect((await build(path)).kinds).toEqual([`run ${step}`]);
  });

  test("the host's certificates and proxies reach RUN and leave no trace", async () => {
    const bundle = join(shop.path, 'bundle.pem');
    writeFileSync(bundle, 'CERTIFICATES\n');
    const path = contextOf({
      Dockerfile:
        'FROM busybox\nENV CURL_CA_BUNDLE=own\nRUN cat "$NODE_EXTRA_CA_CERTS"; echo $CURL_CA_BUNDLE $HTTPS_PROXY > /seen; touch /run/mark\n',
    });
    const first = await build(path, { hostCa: { path: bundle }, proxies: { HTTPS_PROXY: 'proxy' } });
    expect(first.log).toBe('CERTIFICATES\n');
    expect(first.events).toContainEqual({
      kind: 'status',
      message: expect.stringContaining(bundle) as string,
    });
    expect(JSON.stringify(first.config)).not.toMatch(/SSL_CERT_FILE|HTTPS_PROXY=/u);
    await look(first.config, (root) => {
      expect(readFileSync(join(root, 'seen'), 'utf8')).toBe('own proxy\n');
      expect(readdirSync(join(root, 'run'))).toEqual(['mark']);
      expect(readdirSync(root)).not.toContain('proc');
      expect(readdirSync(join(root, 'etc'))).toEqual(['group', 'passwd']);
    });
    const second = await build(path);
    expect(second.steps.cached).toBe(1);
  });

  test('ADD unpacks archives; COPY does not', async () => {
    const path = contextOf({
      Dockerfile: 'FROM busybox\nADD a.tar.gz b.tar plain.gz /into/\nCOPY b.tar /kept/\n',
      'in/f': 'packed',
      'in/s/g': 'g',
    });
    execFileSync('tar', ['-czf', join(path, 'a.tar.gz'), '-C', join(path, 'in'), 'f']);
    execFileSync('tar', ['--owner=5', '--group=6', '-cf', join(path, 'b.tar'), '-C', join(path, 'in'), 's']);
    writeFileSync(join(path, 'plain.gz'), gzipSync('text'));
    const { config } = await build(path);
    await look(config, (root) => {
      expect(readdirSync(join(root, 'into'))).toEqual(['f', 'plain.gz', 's']);
      expect(readFileSync(join(root, 'into/f'), 'utf8')).toBe('packed');
      expect(statSync(join(root, 'into/s/g'))).toMatchObject({ uid: 5, gid: 6 });
      expect(readdirSync(join(root, 'kept'))).toEqual(['b.tar']);
    });
  });

  test('COPY --link stays cached when the base changes', async () => {
    const dockerfile = (text: string) =>
      `FROM busybox\nRUN echo ${text} > /base\nCOPY --link --chown=7 a /opt/a\nRUN cat /base /opt/a\n`;
    const path = contextOf({ Dockerfile: dockerfile('1'), a: 'A\n' });
    await build(path);
    putFiles(path, { Dockerfile: dockerfile('2') });
    const { kinds, config, log } = await build(path);
    expect(kinds).toContain('cached COPY --link --chown=7 a /opt/a');
    expect(log).toBe('2\nA\n');
    await look(config, (root) => expect(statSync(join(root, 'opt/a'))).toMatchObject({ uid: 7, gid: 7 }));
    expect(config.history.filter((entry) => entry.emptyLayer !== true)).toHaveLength(3);
  });

  test('ONBUILD triggers of the base run first', async () => {
    const parent = contextOf({ Dockerfile: 'FROM busybox\nONBUILD COPY a /from-trigger\nONBUILD ENV T=1\n' });
    await build(parent, { tags: ['parent'] });
    const { config } = await build(contextOf({ Dockerfile: 'FROM parent\nRUN cat /from-trigger\n', a: 'a' }));
    expect(config.config.OnBuild).toBeUndefined();
    expect(config.config.Env).toContain('T=1');
    expect(config.history.slice(-3).map((entry) => (entry.createdBy ?? '').split(' ')[0])).toEqual([
      'COPY',
      'ENV',
      'RUN',
    ]);
  });

  test('ONBUILD triggers of a stage run in the stages on top of it', async () => {
    const path = contextOf({
      Dockerfile: 'FROM busybox AS base\nONBUILD RUN echo once >> /trigger\nFROM base AS mid\nFROM mid\n',
    });
    const { config } = await build(path);
    expect(config.config.OnBuild).toBeUndefined();
    await look(config, (root) => expect(readFileSync(join(root, 'trigger'), 'utf8')).toBe('once\n'));
  });

  test('the directory that COPY names gives its content only: a new destination is 0755', async () => {
    const path = contextOf({
      Dockerfile: [
        'FROM busybox AS one',
        'COPY --chown=app s /own',
        'COPY --chmod=640 s /deep/mode/',
        'RUN mkdir -m 700 /there',
        'COPY s /there',
        'COPY --link --chown=7 s /linked',
        'FROM busybox',
        'COPY --from=one /own /from',
        'COPY --from=one /there /deep /linked /many/',
        'COPY --from=one / /all',
      ].join('\n'),
      's/f': 'f',
    });
    chmodSync(join(path, 's'), 0o1700);
    const { config } = await build(path);
    await look(config, (root) => {
      const about = (name: string): string => {
        const { mode, uid } = statSync(join(root, name));
        return `${(mode & 0o7777).toString(8)} ${uid}`;
      };
      expect(['all/own', 'all/deep/mode', 'all/there', 'all/linked'].map(about)).toEqual([
        '755 1000',
        '640 0',
        '700 0',
        '755 7',
      ]);
      expect(['from', 'many', 'many/mode'].map(about)).toEqual(['755 0', '755 0', '640 0']);
    });
  });

  test('ten thousand variables, and stages upon stages', async () => {
    const variables = Array.from(
      { length: 10_000 },
      (_, index) => `ENV V${index}=${index}${index < 20 ? `$V${index - 1}` : '$V3'}`,
    );
    const many = await build(contextOf({ Dockerfile: ['FROM scratch', ...variables].join('\n') }));
    expect(many.config.config.Env).toHaveLength(10_001);
    expect(many.config.config.Env?.at(12)).toBe('V11=11109876543210-1');
    const stages = Array.from({ length: 10_000 }, (_, index) => `FROM s${index} AS s${index + 1}`);
    const deep = contextOf({ Dockerfile: ['FROM busybox AS s0', ...stages].join('\n') });
    expect((await build(deep)).config.rootfs.diffIds).toEqual([shop.busybox]);
  });

  test('a base without PATH gets one', async () => {
    const { config } = await build(contextOf({ Dockerfile: 'FROM scratch\nCOPY a /\n', a: '' }));
    await shop.library.createImage({ config: { ...config, config: { Env: ['A=1'] } }, tags: ['pathless'] });
    const built = await build(contextOf({ Dockerfile: 'FROM pathless\nENV B=2\n' }));
    expect(built.config.config.Env).toEqual([
      'A=1',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'B=2',
    ]);
  });

  test('a scratch image, an epoch, and a Dockerfile that comes with the request', async () => {
    const path = contextOf({ a: 'a' });
    const request = {
      dockerfile: { inline: 'FROM scratch\nWORKDIR /d\nCOPY a .\n' },
      buildArgs: { SOURCE_DATE_EPOCH: '1000' },
    };
    const { config, imageId } = await build(path, request);
    expect(config.created).toBe('1970-01-01T00:16:40Z');
    await look(config, (root) => expect(statSync(join(root, 'd/a')).mtimeMs).toBe(1_000_000));
    expect((await build(path, { ...request, noCache: true })).imageId).toBe(imageId);
  });

  test('an archive as context: same result, nothing outside is written, nothing stays', async () => {
    const path = contextOf({
      Dockerfile: 'FROM busybox\nCOPY . /c\nRUN cat /c/a/b\n',
      'a/b': 'B',
      x: 'x',
      '.dockerignore': 'x\n',
    });
    const pack = (...args: string[]) => Readable.from([execFileSync('tar', [...args, '-C', path, '.'])]);
    const packed = await build(path, { context: { kind: 'tar', stream: pack('-cz') } });
    await look(packed.config, (root) => {
      expect(readdirSync(join(root, 'c')).toSorted()).toEqual(['.dockerignore', 'Dockerfile', 'a']);
      expect(statSync(join(root, 'c/a/b')).uid).toBe(0);
    });
    const second = await build(path, { context: { kind: 'tar', stream: pack('-c') } });
    expect(second.steps).toMatchObject({ cached: 2, executed: 0 });
    expect((await build(path)).kinds[0]).toBe('cached COPY . /c');
    const evil = execFileSync('tar', ['-c', '-P', '--transform=s,^,../../,', '-C', path, 'x']);
    const error = await failure(path, { context: { kind: 'tar', stream: Readable.from([evil]) } });
    expect(error).toMatchObject({ code: 'SOURCES_UNSAFE_CONTEXT' });
    expect(readdirSync(join(shop.root.path, 'builds'))).toEqual([]);
  });

  test('an archive cannot write through a link that it brings', async () => {
    const path = contextOf({ Dockerfile: 'FROM busybox' });
    symlinkSync('/tmp', join(path, 'd'));
    const first = execFileSync('tar', ['-c', '-C', path, 'd']).subarray(0, 512);
    const inner = contextOf({ 'd/pwned': 'x' });
    const second = execFileSync('tar', ['-c', '-C', inner, 'd/pwned']);
    const error = await failure(path, {
      context: { kind: 'tar', stream: Readable.from([Buffer.concat([first, second])]) },
    });
    expect(error).toMatchObject({ code: 'SOURCES_UNSAFE_CONTEXT' });
  });

  test('cancelling stops the command and leaves nothing', async () => {
    const path = contextOf({ Dockerfile: 'FROM busybox\nRUN sleep 100\n' });
    const controller = new AbortController();
    const from = performance.now();
    const events: string[] = [];
    const building = shop.builder.build(
      { context: { kind: 'directory', path }, signal: controller.signal },
      (event) => {
        events.push(event.kind);
        if (event.kind === 'step-started' && event.step.name.startsWith('RUN'))
          setTimeout(() => controller.abort(), 200);
      },
    );
    await expect(building).rejects.toMatchObject({ kind: 'cancelled' });
    expect(performance.now() - from).toBeLessThan(20_000);
    expect(events.at(-1)).toBe('step-cancelled');
    expect(shop.layers.snapshots()).toEqual([]);
  });

  test('cached layers outlive garbage collection until they are pruned', async () => {
    const path = contextOf({ Dockerfile: 'FROM busybox\nRUN echo kept > /kept\n' });
    const { imageId } = await build(path);
    await shop.library.remove(imageId, { force: true });
    expect((await build(path)).steps.cached).toBe(1);
    await shop.library.remove(imageId, { force: true });
    const usage = await shop.builder.usage();
    expect(usage.records).toBeGreaterThan(0);
    expect(await shop.builder.prune()).toMatchObject({ records: usage.records });
    expect(await shop.builder.usage()).toEqual({ records: 0, bytes: 0 });
    const again = await build(path);
    expect(reasonsOf(again.events, 'RUN')).toEqual([{ kind: 'evicted' }]);
  });

  test('two builds at once share nothing but the cache', async () => {
    const path = contextOf({ Dockerfile: 'FROM busybox\nCOPY a /a\nRUN sleep 0.1; cat /a\n', a: 'a' });
    const [first, second] = await Promise.all([build(path), build(path)]);
    expect(second.config.rootfs.diffIds).toHaveLength(first.config.rootfs.diffIds.length);
    expect((await build(path)).steps.cached).toBe(2);
  });

  test('what a killed process left goes when a builder is made', async () => {
    mkdirSync(join(shop.root.path, 'builds/context-dead'), { recursive: true });
    const snapshot = await shop.layers.createSnapshot({
      id: 'build-dead',
      layers: [shop.busybox],
      kind: 'build',
    });
    await snapshot.mount();
    expect(await hasLeftovers(shop.root.path, shop.layers)).toBe(true);
    shop.reopen();
    await expect.poll(() => hasLeftovers(shop.root.path, shop.layers)).toBe(false);
    expect(shop.layers.snapshots()).toEqual([]);
    expect(readdirSync(join(shop.root.path, 'builds'))).toEqual([]);
  });

  test('a pattern with * does not look into directories below', async () => {
    const path = contextOf({
      Dockerfile: 'FROM busybox\nCOPY m*/*.js *.js /to/\n',
      'm1/a.js': 'a',
      'm1/deep/b.js': 'b',
      'm2/c.js': 'c',
      'top.js': 't',
    });
    const { config } = await build(path);
    await look(config, (root) => expect(readdirSync(join(root, 'to'))).toEqual(['a.js', 'c.js', 'top.js']));
  });
});
