/** Drives one engine through its API and writes down what it answers, in words that are the same on every engine. */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fixtures } from './fixtures.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface EngineOptions {
  readonly socket: string;
  readonly fixtures: Fixtures;
  /** host:port */
  readonly registry: string;
  readonly words: ReadonlyMap<string, string>;
}

const call = (
  socketPath: string,
  method: string,
  path: string,
  body: Buffer | string = '',
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const headers = {
      'content-type': body instanceof Buffer ? 'application/x-tar' : 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    const sent = request({ socketPath, method, path: `/v1.40${path}`, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });

const query = (values: Readonly<Record<string, string>>): string =>
  `?${new URLSearchParams(values).toString()}`;

interface ImageJson {
  readonly Id: string;
  readonly ParentId: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
}

type Removed = { readonly Untagged?: string; readonly Deleted?: string };

const lineOf = ({ Id, ParentId, RepoTags, RepoDigests }: ImageJson): string => {
  const names = [...(RepoTags ?? []), ...(RepoDigests ?? [])].filter((name) => !name.startsWith('<none>'));
  const parent = ParentId === '' ? '' : ` from ${ParentId}`;
  return `${Id}${parent} ${names.toSorted().join(' ')}`.trim();
};

/** The message without what Lade adds: its hint, and the name that is not in lower case; in today's spelling. */
const faultOf = (text: string): string => {
  const { message, hint } = JSON.parse(text) as { message: string; hint?: string };
  const bare = hint === undefined ? message : message.replace(` (${hint})`, '');
  return bare
    .replace(/^Invalid filter/, 'invalid filter')
    .replace(/repository name \(\S+\) must/, 'repository name must');
};

/** What removal must have answered, a line for each thing, and the error otherwise. */
const removalLines = ({ status, text }: Answer): readonly string[] => {
  if (status !== 200) return [`${status} ${faultOf(text)}`];
  return (JSON.parse(text) as readonly Removed[]).map((removed) =>
    removed.Deleted === undefined ? `Untagged: ${removed.Untagged ?? ''}` : `Deleted: ${removed.Deleted}`,
  );
};

/** One engine with the names that a situation gave to what it made. */
export const createEngine = ({ socket, fixtures, registry, words }: EngineOptions) => {
  let made = new Map<string, string>();

  const wordsNow = (): readonly (readonly [string, string])[] => [
    ...[...words].map(([id, word]) => [id, `<${word}>`] as const),
    ...[...made].map(([name, id]) => [id, `<${name}>`] as const),
  ];

  /** Identifiers as words: whole ones, and their first twelve digits. */
  const plain = (text: string): string => {
    let result = text.replaceAll(registry, 'REGISTRY');
    for (const [id, word] of wordsNow()) {
      const hex = id.replace(/^sha256:/, '');
      result = result.replaceAll(`sha256:${hex}`, word).replaceAll(hex, word);
      result = result.replaceAll(hex.slice(0, 12), `${word.slice(0, -1)}…>`);
    }
    return result;
  };

  const idOf = (name: string): string => {
    const id = fixtures.images.get(name)?.id ?? made.get(name);
    if (id !== undefined) return id;
    const known = [...words].find(([, word]) => word === name);
    if (known === undefined) throw new Error(`nothing is called ${name}`);
    return known[0];
  };

  /** `$name` is an ID, `$name/12` its first digits without the algorithm; `REG` is the registry. */
  const expand = (word: string): string =>
    word
      .replaceAll('REG', registry)
      .replaceAll(/\$(\w+)(?:\/(\d+))?/g, (_, name: string, digits?: string) => {
        const id = idOf(name);
        return digits === undefined ? id : id.replace(/^sha256:/, '').slice(0, Number(digits));
      });

  const must = async (method: string, path: string, body?: Buffer | string): Promise<Answer> => {
    const answer = await call(socket, method, path, body);
    if (answer.status >= 400 || answer.text.includes('"errorDetail"'))
      throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  };

  const images = async (): Promise<readonly ImageJson[]> =>
    JSON.parse((await must('GET', '/images/json?all=1')).text) as readonly ImageJson[];

  const split = (reference: string): readonly [name: string, tag: string] => {
    const colon = reference.lastIndexOf(':');
    return colon > reference.lastIndexOf('/')
      ? [reference.slice(0, colon), reference.slice(colon + 1)]
      : [reference, 'latest'];
  };

  const acts: Readonly<Record<string, (...words: string[]) => Promise<readonly string[]>>> = {
    async load(name) {
      const fixture = fixtures.images.get(name ?? '');
      if (fixture === undefined) throw new Error(`no fixture ${name ?? ''}`);
      await must('POST', '/images/load', fixture.archive);
      return [];
    },
    async tag(source = '', target = '') {
      const [repo, tag] = split(target);
      const path = `/images/${encodeURIComponent(source)}/tag${query({ repo, tag })}`;
      const { status, text } = await call(socket, 'POST', path);
      return status === 201 ? [] : [`${status} ${faultOf(text)}`];
    },
    async pull(reference = '') {
      const at = reference.indexOf('@');
      const [fromImage, tag] =
        at === -1 ? split(reference) : [reference.slice(0, at), reference.slice(at + 1)];
      await must('POST', `/images/create${query({ fromImage, tag })}`);
      return [];
    },
    async create(name = '', image = '') {
      const body = JSON.stringify({ Image: image, HostConfig: { NetworkMode: 'none' } });
      const { text } = await must('POST', `/containers/create${query({ name })}`, body);
      made.set(name, (JSON.parse(text) as { Id: string }).Id);
      return [];
    },
    async start(name = '') {
      await must('POST', `/containers/${name}/start`);
      return [];
    },
    async stop(name = '') {
      await must('POST', `/containers/${name}/stop${query({ t: '0' })}`);
      return [];
    },
    async pause(name = '') {
      await must('POST', `/containers/${name}/pause`);
      return [];
    },
    async rm(name = '') {
      await must('DELETE', `/containers/${name}${query({ force: '1' })}`);
      return [];
    },
    async commit(container = '', word = '', reference = '') {
      const [repo, tag] = reference === '' ? ['', ''] : split(reference);
      const { text } = await must('POST', `/commit${query({ container, repo, tag })}`, '{}');
      made.set(word, (JSON.parse(text) as { Id: string }).Id);
      return [];
    },
    async rmi(name = '', ...how) {
      const force = how.includes('-f') ? '1' : '0';
      const noprune = how.includes('--no-prune') ? '1' : '0';
      const path = `/images/${encodeURIComponent(name)}${query({ force, noprune })}`;
      return removalLines(await call(socket, 'DELETE', path));
    },
    async list(...how) {
      const filters: Record<string, string[]> = {};
      for (const [, key = '', value = ''] of how.map((word) => /^([^=]+)=(.*)$/.exec(word) ?? []))
        if (key !== '') filters[key] = [...(filters[key] ?? []), value];
      const all = how.includes('-a') ? '1' : '0';
      const path = `/images/json${query({ all, filters: JSON.stringify(filters) })}`;
      const answer = await call(socket, 'GET', path);
      // 20.10 calls a malformed pattern its own fault.
      if (answer.status !== 200)
        return [`${answer.status === 500 ? 400 : answer.status} ${faultOf(answer.text)}`];
      return (JSON.parse(answer.text) as readonly ImageJson[]).map(lineOf).map(plain).toSorted();
    },
    async prune(...how) {
      const filters = JSON.stringify({ dangling: [how.includes('-a') ? 'false' : 'true'] });
      const { text } = await must('POST', `/images/prune${query({ filters })}`);
      const { ImagesDeleted } = JSON.parse(text) as { ImagesDeleted: readonly Removed[] | null };
      return removalLines({ status: 200, text: JSON.stringify(ImagesDeleted ?? []) });
    },
  };

  const state = async (): Promise<readonly string[]> => {
    return (await images()).map(lineOf).map(plain).toSorted();
  };

  const reset = async (): Promise<void> => {
    const containers = JSON.parse((await must('GET', '/containers/json?all=1')).text) as readonly {
      Id: string;
    }[];
    for (const { Id } of containers) await must('DELETE', `/containers/${Id}?force=1`);
    for (let left = await images(); left.length > 0; left = await images()) {
      for (const { Id } of left) await call(socket, 'DELETE', `/images/${Id}?force=1`);
    }
    made = new Map();
  };

  const events = async (since: number): Promise<readonly string[]> => {
    const filters = JSON.stringify({ type: ['image'], event: ['untag', 'delete'] });
    const until = String(Date.now() / 1000 + 0.01);
    const { text } = await must('GET', `/events${query({ since: String(since / 1000), until, filters })}`);
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { Action: string; Actor: { ID: string } })
      .map(({ Action, Actor }) => plain(`${Action} ${Actor.ID}`));
  };

  return {
    /** Goes through the steps of a situation from an empty engine; what each said, and what is left. */
    async play(steps: readonly string[]): Promise<readonly string[]> {
      await reset();
      await sleep(20);
      const since = Date.now();
      const lines: string[] = [];
      for (const step of steps) {
        const [verb = '', ...rest] = step.split(' ');
        const act = acts[verb];
        if (act === undefined) throw new Error(`no such step: ${step}`);
        const said = await act(...rest.map(expand));
        if (said.length > 0 || verb === 'rmi' || verb === 'list') lines.push(`> ${step}`, ...said.map(plain));
      }
      return [...lines, '= images', ...(await state()), '= events', ...(await events(since))];
    },
    reset,
  };
};
