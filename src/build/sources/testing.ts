import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FileTree } from './file-tree.ts';
import { createPlainDigests } from './index.ts';

/** A web server of a test's own, on a free port of the loopback interface. */
export interface TestServer extends AsyncDisposable {
  readonly origin: string;
  readonly host: string;
  /** Method and path of every request, in their order. */
  readonly requests: string[];
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const close = async (server: Server): Promise<void> => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
};

export const startTestServer = async (answer: Answer): Promise<TestServer> => {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    origin: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    requests,
    [Symbol.asyncDispose]: () => close(server),
  };
};

const BACKEND = '/usr/lib/git-core/git-http-backend';

/** Serves the repositories below `root` as git's own CGI program does. */
export const answerGit =
  (root: string): Answer =>
  (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const cgi = spawn(BACKEND, [], {
      env: {
        PATH: process.env['PATH'],
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: '1',
        REQUEST_METHOD: request.method,
        PATH_INFO: decodeURIComponent(url.pathname),
        QUERY_STRING: url.search.slice(1),
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        REMOTE_ADDR: '127.0.0.1',
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    request.pipe(cgi.stdin);
    let head = Buffer.alloc(0);
    let sent = false;
    cgi.stdout.on('data', (chunk: Buffer) => {
      if (sent) {
        response.write(chunk);
        return;
      }
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      sent = true;
      const headers = head
        .subarray(0, end)
        .toString()
        .split('\r\n')
        .map((line) => line.split(': ', 2) as [string, string]);
      const status = headers.find(([name]) => name === 'Status')?.[1] ?? '200';
      response.writeHead(Number.parseInt(status, 10), Object.fromEntries(headers));
      response.write(head.subarray(end + 4));
    });
    cgi.on('close', () => response.end());
  };

/** git with fixed names and times, so that commits are the same everywhere. */
export const testGit = (directory: string, ...args: readonly string[]): string =>
  execFileSync('git', ['-C', directory, ...args], {
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      HOME: directory,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'a@example.org',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'a@example.org',
      GIT_AUTHOR_DATE: '2020-02-02T00:00:00Z',
      GIT_COMMITTER_DATE: '2020-02-02T00:00:00Z',
      GIT_ALLOW_PROTOCOL: 'file:http',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/** Makes a repository with one commit of these files; its commit. */
export const makeRepository = (directory: string, files: Readonly<Record<string, string>>): string => {
  mkdirSync(directory, { recursive: true });
  testGit(directory, 'init', '--quiet', '--initial-branch=main');
  return commitFiles(directory, files);
};

export const commitFiles = (directory: string, files: Readonly<Record<string, string>>): string => {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  testGit(directory, 'add', '--all');
  testGit(directory, 'commit', '--quiet', '--allow-empty', '-m', 'files');
  return testGit(directory, 'rev-parse', 'HEAD').trim();
};

/** Files in a new directory, as the tree of a context. */
export const testTree = (root: string, files: Readonly<Record<string, string>>): FileTree => {
  mkdirSync(root);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return {
    root,
    label: 'the context',
    digests: createPlainDigests(root),
    ignore: undefined,
    keepsOwners: false,
  };
};
