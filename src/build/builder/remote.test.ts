import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BuildContext } from '#sources';
import {
  answerGit,
  commitFiles,
  makeRepository,
  startTestServer,
  testGit,
  type Answer,
} from '../sources/testing.ts';
import { openTestShop, type TestShop } from './testing.ts';
import type { BuildEvent, BuildRequest, BuildResult } from './types.ts';

let shop: TestShop;

beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(async () => {
  await shop[Symbol.asyncDispose]();
});

const directory = (): string => shop.newContext();

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

interface Built {
  readonly result: BuildResult;
  readonly events: readonly BuildEvent[];
  readonly cached: number;
}

const build = async (
  text: string,
  more: Partial<BuildRequest> = {},
  context: BuildContext = { kind: 'directory', path: directory() },
): Promise<Built> => {
  const events: BuildEvent[] = [];
  const result = await shop.builder.build(
    { context, ...(text === '' ? {} : { dockerfile: { inline: text } }), ...more },
    (event) => events.push(event),
  );
  return { result, events, cached: result.steps.cached };
};

const look = async <T>({ result }: Built, use: (root: string) => T): Promise<T> => {
  const { config } = await shop.library.prepare(result.imageId);
  await using view = await shop.layers.mountReadOnly(config.rootfs.diffIds);
  return use(view.path);
};

const failure = async (
  text: string,
  more: Partial<BuildRequest> = {},
): Promise<{ code: string; message: string }> => {
  try {
    await build(text, more);
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('the build did not fail');
};

const serve =
  (body: string, headers: Record<string, string> = {}): Answer =>
  (request, response) => {
    if (headers['etag'] !== undefined && request.headers['if-none-match'] === headers['etag']) {
      response.writeHead(304).end();
      return;
    }
    response.writeHead(200, headers).end(body);
  };

describe('ADD of a URL', () => {
  it('gives the file the name of the URL, mode 600 and the time of Last-Modified', async () => {
    await using server = await startTestServer(
      serve('hello', { 'last-modified': 'Sun, 02 Feb 2020 00:00:00 GMT' }),
    );
    const built = await build(
      `FROM busybox\nADD ${server.origin}/a/b.txt?x=1 /dir/\nADD ${server.origin}/b.txt /c`,
    );
    await look(built, (root) => {
      expect(readFileSync(join(root, 'dir/b.txt'), 'utf8')).toBe('hello');
      expect(statSync(join(root, 'dir/b.txt')).mode & 0o7777).toBe(0o600);
      expect(statSync(join(root, 'c')).mtimeMs).toBe(Date.UTC(2020, 1, 2));
    });
  });

  it('asks again with the tag, downloads nothing that did not change, and stays cached', async () => {
    let sent = 0;
    let body = 'one';
    await using server = await startTestServer((request, response) => {
      const etag = `"${sha256(body)}"`;
      if (request.headers['if-none-match'] === etag) {
        response.writeHead(304).end();
        return;
      }
      sent += 1;
      response.writeHead(200, { etag }).end(body);
    });
    const text = `FROM scratch\nADD --chmod=755 --chown=3:4 ${server.origin}/tool /bin/tool`;
    const first = await build(text);
    const second = await build(text);
    expect([first.cached, second.cached, sent, server.requests.length]).toEqual([0, 1, 1, 2]);
    body = 'two';
    const third = await build(text);
    expect([third.cached, sent]).toEqual([0, 2]);
    await look(third, (root) => {
      expect(readFileSync(join(root, 'bin/tool'), 'utf8')).toBe('two');
      expect(statSync(join(root, 'bin/tool'))).toMatchObject({ uid: 3, gid: 4 });
      expect(statSync(join(root, 'bin/tool')).mode & 0o7777).toBe(0o755);
    });
  });

  it('checks --checksum, and needs no server when what it names is cached', async () => {
    const server = await startTestServer(serve('sum'));
    const text = (sum: string): string => `FROM scratch\nADD --checksum=${sum} ${server.origin}/f /f`;
    const good = text(`sha256:${sha256('sum')}`);
    await build(good);
    await build(text(`sha512:${createHash('sha512').update('sum').digest('hex')}`));
    expect((await failure(text(`sha256:${sha256('other')}`))).code).toBe('SOURCES_CHECKSUM_MISMATCH');
    expect((await failure(text('md5:abc'))).code).toBe('SOURCES_BAD_REMOTE');
    await server[Symbol.asyncDispose]();
    expect((await build(good)).cached).toBe(1);
  });

  it('unpacks archives only when asked', async () => {
    const path = directory();
    writeFileSync(join(path, 'in.txt'), 'inside');
    execFileSync('tar', ['-czf', join(path, 'a.tgz'), '-C', path, 'in.txt']);
    const bytes = readFileSync(join(path, 'a.tgz'));
    await using server = await startTestServer((_, response) => void response.end(bytes));
    const url = `${server.origin}/a.tgz`;
    const built = await build(`FROM scratch\nADD ${url} /plain/\nADD --unpack=true ${url} /open/`);
    await look(built, (root) => {
      expect(readdirSync(join(root, 'plain'))).toEqual(['a.tgz']);
      expect(readdirSync(join(root, 'open'))).toEqual(['in.txt']);
    });
  });

  it('takes the offered name where the URL has none, and never a path', async () => {
    await using server = await startTestServer(
      serve('x', { 'content-disposition': 'attachment; filename="../../etc/evil.txt"' }),
    );
    const built = await build(`FROM scratch\nADD ${server.origin}/ /d/`);
    await look(built, (root) => expect(readdirSync(join(root, 'd'))).toEqual(['evil.txt']));
  });

  it('sends secrets to their host only, and says what is missing', async () => {
    const seen: (string | undefined)[] = [];
    await using other = await startTestServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end('private');
    });
    await using server = await startTestServer((request, response) => {
      if (request.headers.authorization !== 'Bearer t0ken') {
        response.writeHead(401).end();
        return;
      }
      response.writeHead(302, { location: `${other.origin}/y` }).end();
    });
    const text = `FROM scratch\nADD ${server.origin}/x /x`;
    expect((await failure(text)).code).toBe('SOURCES_REMOTE_REFUSED');
    const secrets = { [`HTTP_AUTH_TOKEN_${server.host}`]: Buffer.from('t0ken\n') };
    await build(text, { secrets });
    expect(seen).toEqual([undefined]);
  });

  it('bounds redirects, refuses other schemes, and tells of a missing file', async () => {
    await using server = await startTestServer((request, response) => {
      if (request.url === '/gone') {
        response.writeHead(404).end();
        return;
      }
      const location = request.url === '/file' ? 'file:///etc/passwd' : '/again';
      response.writeHead(302, { location }).end();
    });
    const add = (url: string): string => `FROM scratch\nADD ${url} /x`;
    expect((await failure(add(`${server.origin}/loop`))).message).toContain('more than 10 redirects');
    expect((await failure(add(`${server.origin}/file`))).code).toBe('SOURCES_REMOTE_FAILED');
    expect((await failure(add(`${server.origin}/gone`))).code).toBe('SOURCES_REMOTE_NOT_FOUND');
    expect((await failure(add('file:///etc/passwd'))).message).toContain('only http, https, git and ssh');
    expect((await failure(`FROM scratch\nCOPY ${server.origin}/x /x`)).message).toContain("can't be a URL");
    expect((await failure('FROM scratch\nADD --checksum=sha256:1 a /x')).message).toContain('non-HTTP(S)');
  });

  it('keeps no password in the history', async () => {
    await using server = await startTestServer((request, response) => {
      response
        .writeHead(request.headers.authorization === `Basic ${btoa('me:pass-w0rd')}` ? 200 : 401)
        .end('y');
    });
    const url = server.origin.replace('//', '//me:pass-w0rd@');
    const { result, events } = await build(`FROM scratch\nADD ${url}/x /x`);
    const shown = JSON.stringify([
      (await shop.library.prepare(result.imageId)).config,
      events.filter(({ kind }) => kind !== 'step-log'),
    ]);
    expect(shown).toContain('xxxxx:xxxxx@');
    expect(shown).not.toContain('pass-w0rd');
  });
});

describe('git', () => {
  const repositories = (): string => {
    const path = directory();
    makeRepository(join(path, 'app'), {
      Dockerfile: 'FROM scratch\nCOPY . /all\n',
      'sub/Dockerfile': 'FROM scratch\nCOPY a.txt /a.txt\n',
      'sub/a.txt': 'first',
      'b.txt': 'b',
    });
    testGit(join(path, 'app'), 'tag', '-a', 'v1', '-m', 'one');
    testGit(path, 'clone', '--quiet', '--bare', join(path, 'app'), join(path, 'app.git'));
    return path;
  };
  const push = (path: string): void =>
    void testGit(join(path, 'app'), 'push', '--quiet', '--tags', join(path, 'app.git'), 'main');

  it('adds a repository, its tag, its directory, and keeps what did not change cached', async () => {
    const path = repositories();
    await using server = await startTestServer(answerGit(path));
    const url = `${server.origin}/app.git`;
    const text = `FROM busybox\nADD ${url}#v1:sub /tag\nADD ${url} /main\nADD --keep-git-dir=true ${url}?branch=main /git`;
    const first = await build(text);
    await look(first, (root) => {
      expect(readdirSync(join(root, 'main')).sort()).toEqual(['Dockerfile', 'b.txt', 'sub']);
      expect(readdirSync(join(root, 'tag')).sort()).toEqual(['Dockerfile', 'a.txt']);
      expect(statSync(join(root, 'tag/a.txt')).mtimeMs).toBe(Date.UTC(2020, 1, 2));
      expect(testGit(join(root, 'git'), '-c', 'safe.directory=*', 'log', '--oneline')).toContain('files');
      expect(readFileSync(join(root, 'git/.git/config'), 'utf8')).toContain(url);
    });
    expect((await build(text)).cached).toBe(3);
    const commit = commitFiles(join(path, 'app'), { 'sub/a.txt': 'second' });
    push(path);
    const next = await build(text);
    expect(next.cached).toBe(1);
    await look(next, (root) => expect(readFileSync(join(root, 'main/sub/a.txt'), 'utf8')).toBe('second'));
    const pinned = await build(
      `FROM scratch\nADD --checksum=${commit} ${url}#main /p\nADD ${url}#${commit} /c`,
    );
    await look(pinned, (root) => expect(readFileSync(join(root, 'p/sub/a.txt'), 'utf8')).toBe('second'));
    const wrong = `FROM scratch\nADD --checksum=${commit} ${url}#v1 /p`;
    expect((await failure(wrong)).code).toBe('SOURCES_CHECKSUM_MISMATCH');
    expect((await failure(`FROM scratch\nADD ${url}#nothing /p`)).message).toContain(
      'no branch or tag nothing',
    );
    expect((await failure(`FROM scratch\nADD ${url}#main:../.. /p`)).code).toBe('STEPS_BAD_INSTRUCTION');
  });

  it('is a context, with a reference and a directory', async () => {
    const path = repositories();
    await using server = await startTestServer(answerGit(path));
    const context = (url: string): BuildContext => ({ kind: 'remote', url: `${server.origin}${url}` });
    const whole = await build('', {}, context('/app.git'));
    await look(whole, (root) =>
      expect(readdirSync(join(root, 'all')).sort()).toEqual(['Dockerfile', 'b.txt', 'sub']),
    );
    const part = await build('', {}, context('/app.git#main:sub'));
    await look(part, (root) => expect(readFileSync(join(root, 'a.txt'), 'utf8')).toBe('first'));
    const kept = await build('', { buildArgs: { BUILDKIT_CONTEXT_KEEP_GIT_DIR: '1' } }, context('/app.git'));
    await look(kept, (root) => expect(existsSync(join(root, 'all/.git/HEAD'))).toBe(true));
  });

  it('works with a server that knows files only', async () => {
    const path = repositories();
    testGit(join(path, 'app.git'), 'update-server-info');
    await using server = await startTestServer((request, response) => {
      const file = join(path, new URL(request.url ?? '/', 'http://x').pathname);
      if (existsSync(file) && statSync(file).isFile()) response.end(readFileSync(file));
      else response.writeHead(404).end();
    });
    const built = await build(`FROM scratch\nADD ${server.origin}/app.git#v1 /x`);
    await look(built, (root) => expect(readFileSync(join(root, 'x/b.txt'), 'utf8')).toBe('b'));
  });

  it('fetches submodules, but none from local paths', async () => {
    const path = repositories();
    await using server = await startTestServer(answerGit(path));
    const app = join(path, 'app');
    makeRepository(join(path, 'lib'), { 'lib.txt': 'lib' });
    testGit(path, 'clone', '--quiet', '--bare', join(path, 'lib'), join(path, 'lib.git'));
    testGit(
      app,
      '-c',
      'protocol.file.allow=always',
      'submodule',
      '--quiet',
      'add',
      join(path, 'lib.git'),
      'lib',
    );
    testGit(app, 'config', '-f', '.gitmodules', 'submodule.lib.url', '../lib.git');
    commitFiles(app, {});
    push(path);
    const url = `${server.origin}/app.git`;
    const built = await build(`FROM scratch\nADD ${url} /x\nADD ${url}?submodules=false /y`);
    await look(built, (root) => {
      expect(readFileSync(join(root, 'x/lib/lib.txt'), 'utf8')).toBe('lib');
      expect(existsSync(join(root, 'x/lib/.git'))).toBe(false);
      expect(readdirSync(join(root, 'y/lib'))).toEqual([]);
    });
    testGit(app, 'config', '-f', '.gitmodules', 'submodule.lib.url', join(path, 'lib.git'));
    commitFiles(app, {});
    push(path);
    expect((await failure(`FROM scratch\nADD ${url} /x`)).message).toMatch(
      /transport 'file' not allowed|file/u,
    );
  });

  it('sends the token as git wants it', async () => {
    const path = repositories();
    const wanted = `Basic ${btoa('x-access-token:s3cret')}`;
    await using server = await startTestServer((request, response) => {
      if (request.headers.authorization === wanted) answerGit(path)(request, response);
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    });
    const text = `FROM scratch\nADD ${server.origin}/app.git /x`;
    expect((await failure(text)).code).toBe('SOURCES_REMOTE_REFUSED');
    const built = await build(text, { secrets: { GIT_AUTH_TOKEN: Buffer.from('s3cret') } });
    await look(built, (root) => expect(existsSync(join(root, 'x/b.txt'))).toBe(true));
  });

  it('takes a password of the URL, and leaves it out of the repository', async () => {
    const path = repositories();
    const wanted = `Basic ${btoa('me:pa@ss')}`;
    await using server = await startTestServer((request, response) => {
      if (request.headers.authorization === wanted) answerGit(path)(request, response);
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    });
    const url = `${server.origin.replace('//', '//me:pa%40ss@')}/app.git`;
    const built = await build(`FROM scratch\nADD --keep-git-dir=true ${url} /x`);
    await look(built, (root) => {
      expect(existsSync(join(root, 'x/b.txt'))).toBe(true);
      expect(readFileSync(join(root, 'x/.git/config'), 'utf8')).toContain(`url = ${server.origin}/app.git`);
      expect(() => execFileSync('grep', ['-rl', 'pa%40ss', join(root, 'x/.git')])).toThrow();
    });
    expect(readdirSync(join(shop.root.path, 'builds'))).toEqual([]);
  });

  it('sends no token to where it is redirected', async () => {
    const path = repositories();
    const seen: (string | undefined)[] = [];
    await using other = await startTestServer((request, response) => {
      seen.push(request.headers.authorization);
      answerGit(path)(request, response);
    });
    await using server = await startTestServer((request, response) => {
      response.writeHead(302, { location: `${other.origin}${request.url ?? ''}` }).end();
    });
    const text = `FROM scratch\nADD ${server.origin}/app.git /x`;
    const refused = await failure(text, { secrets: { GIT_AUTH_TOKEN: Buffer.from('s3cret') } });
    expect(refused.message).toContain('it redirects elsewhere');
    expect(seen).toEqual([]);
    await build(text);
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });
});

describe('contexts at a URL', () => {
  it('are archives or a Dockerfile', async () => {
    const path = directory();
    writeFileSync(join(path, 'Dockerfile'), 'FROM scratch\nCOPY f /f\n');
    writeFileSync(join(path, 'f'), 'content');
    for (const [option, name] of [
      ['-cf', 'c.tar'],
      ['-czf', 'c.tgz'],
      ['-cJf', 'c.txz'],
      ['-cjf', 'c.tbz'],
    ] as const)
      execFileSync('tar', [option, join(path, name), '-C', path, 'Dockerfile', 'f']);
    await using server = await startTestServer((request, response) => {
      if (request.url === '/only') {
        response.end('FROM busybox\nRUN echo made > /made\n');
        return;
      }
      response.end(readFileSync(join(path, request.url ?? '')));
    });
    for (const name of ['c.tar', 'c.tgz', 'c.txz', 'c.tbz']) {
      const built = await build('', {}, { kind: 'remote', url: `${server.origin}/${name}` });
      await look(built, (root) => expect(readFileSync(join(root, 'f'), 'utf8')).toBe('content'));
    }
    const only = await build('', {}, { kind: 'remote', url: `${server.origin}/only` });
    await look(only, (root) => expect(readFileSync(join(root, 'made'), 'utf8')).toBe('made\n'));
  });
});

it('what a check fetches is in use: pruning leaves it', async () => {
  const packed = execFileSync('tar', [
    '-cz',
    '-C',
    shop.newContext({ Dockerfile: 'FROM scratch\nCOPY a /\n' }),
    '.',
  ]);
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const { promise: pruned, resolve: prune } = Promise.withResolvers<void>();
  await using server = await startTestServer((_request, response) => {
    response.writeHead(200, { 'content-length': packed.length });
    response.write(packed.subarray(0, 10));
    ask();
    void pruned.then(() => response.end(packed.subarray(10)));
  });
  const request = { context: { kind: 'remote', url: `${server.origin}/context.tar.gz` } as const };
  const described = shop.builder.describe(request, 'check');
  await asked;
  const sources = (await shop.builder.records()).filter(({ kind }) => kind === 'source');
  expect(sources.every(({ inUse }) => inUse)).toBe(true);
  expect((await shop.builder.prune({ filter: { kinds: ['source'] } })).records).toBe(0);
  prune();
  expect(await described).toMatchObject({ kind: 'check' });
});
