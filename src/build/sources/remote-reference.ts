import { sourcesErrors } from './errors.ts';

/** A git repository as ADD and contexts name it. */
export interface GitReference {
  readonly kind: 'git';
  /** What git is given, without query and fragment. */
  readonly remote: string;
  readonly transport: 'http' | 'https' | 'ssh' | 'git';
  /** Host with its port, as secrets name it. */
  readonly host: string;
  /** Branch, tag, full reference or commit; undefined means the default branch. */
  readonly ref: string | undefined;
  /** Directory inside the repository; empty means all of it. */
  readonly subdirectory: string;
  /** The commit, or its beginning, that the reference must stand for. */
  readonly commit: string | undefined;
  readonly keepGitDir: boolean | undefined;
  readonly submodules: boolean;
  /** Modification times: that of the commit, or when the files were written. */
  readonly times: 'commit' | 'checkout';
}

/** A file at a URL. */
export interface HttpReference {
  readonly kind: 'http';
  readonly url: string;
  /** What the URL calls the file; undefined when its path ends with a slash. */
  readonly name: string | undefined;
}

export type RemoteReference = GitReference | HttpReference;

type Transport = GitReference['transport'];

const SCHEME = /^(https?|ssh|git):\/\//iu;
const OTHER_SCHEME = /^[a-z][a-z0-9+.-]*:\/\//iu;
const SCP = /^(?:([\w-]+)@)([\w.-]+):([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/u;
const COMMIT = /^(?:[0-9a-f]{7,40}|[0-9a-f]{64})$/u;
const CONTROL = /[\p{Cc}\s]/u;

const invalid = (url: string, problem: string) =>
  sourcesErrors.badRemote({ url: withoutPassword(url), problem });

/**
 * A URL as messages and histories may show it: without what is secret of it. On the web a user may be a token; of ssh it
 * is only a name.
 */
export const withoutPassword = (url: string): string =>
  url.replace(/^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)@/iu, (_, scheme: string, written: string) => {
    const [user = '', password] = written.split(':', 2);
    const shown = /^https?$/iu.test(scheme) ? 'xxxxx' : user;
    return `${scheme}://${shown}${password === undefined ? '' : ':xxxxx'}@`;
  });

/** The same for URLs anywhere in a text, however long. */
export const withoutPasswords = (text: string): string =>
  text.replaceAll(/[a-z][a-z0-9+.-]{0,15}:\/\/[^\s/?#]*@/giu, (url) => withoutPassword(url));

const booleanOf = (url: string, key: string, value: string): boolean => {
  if (value === '' || /^(?:1|t|true)$/iu.test(value)) return true;
  if (/^(?:0|f|false)$/iu.test(value)) return false;
  throw invalid(url, `${key}=${value} is neither true nor false`);
};

interface Wishes {
  ref?: string;
  subdirectory?: string;
  commit?: string;
  keepGitDir?: boolean;
  submodules?: boolean;
  times?: GitReference['times'];
}

const put = <K extends keyof Wishes>(url: string, wishes: Wishes, key: K, value: Wishes[K]): void => {
  if (wishes[key] !== undefined && wishes[key] !== value)
    throw invalid(url, `it names two values for the ${key}: ${wishes[key]} and ${value}`);
  wishes[key] = value;
};

const timesOf = (url: string, value: string): GitReference['times'] => {
  if (value === 'commit' || value === 'checkout') return value;
  throw invalid(url, `mtime=${value} is neither commit nor checkout`);
};

const fullRef = (prefix: string, value: string): string =>
  value.startsWith(prefix) ? value : `${prefix}${value}`;

const readPair = (url: string, wishes: Wishes, [key, value]: readonly [string, string]): void => {
  if (key === 'ref') put(url, wishes, 'ref', value);
  else if (key === 'tag') put(url, wishes, 'ref', fullRef('refs/tags/', value));
  else if (key === 'branch') put(url, wishes, 'ref', fullRef('refs/heads/', value));
  else if (key === 'subdir') put(url, wishes, 'subdirectory', value);
  else if (key === 'commit' || key === 'checksum') put(url, wishes, 'commit', value);
  else if (key === 'keep-git-dir') put(url, wishes, 'keepGitDir', booleanOf(url, key, value));
  else if (key === 'submodules') put(url, wishes, 'submodules', booleanOf(url, key, value));
  else if (key === 'mtime') put(url, wishes, 'times', timesOf(url, value));
  else if (key === 'fetch-by-commit') booleanOf(url, key, value);
  else throw invalid(url, `it has the unknown parameter ${key}`);
};

const readFragment = (url: string, wishes: Wishes, fragment: string): void => {
  const colon = fragment.indexOf(':');
  const ref = colon < 0 ? fragment : fragment.slice(0, colon);
  if (ref !== '') put(url, wishes, 'ref', ref);
  if (colon >= 0 && colon + 1 < fragment.length) put(url, wishes, 'subdirectory', fragment.slice(colon + 1));
};

const checkRef = (url: string, ref: string): void => {
  // git would read it as an option, or as something else than one reference.
  if (ref.startsWith('-') || CONTROL.test(ref) || /\.\.|[~^:?*[\\]|@\{/u.test(ref))
    throw invalid(url, `"${ref}" cannot name a branch, a tag or a commit`);
};

const subdirectoryOf = (url: string, written: string): string => {
  const parts = written.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw invalid(url, `the directory "${written}" leads out of the repository`);
  return parts.join('/');
};

interface GitPlace {
  readonly remote: string;
  readonly transport: Transport;
  readonly host: string;
  readonly query: string;
  readonly fragment: string;
}

const gitReference = (url: string, place: GitPlace): GitReference => {
  const wishes: Wishes = {};
  for (const pair of new URLSearchParams(place.query)) readPair(url, wishes, pair);
  readFragment(url, wishes, place.fragment);
  const { ref, commit, keepGitDir, submodules = true, times = 'commit' } = wishes;
  if (ref !== undefined) checkRef(url, ref);
  if (commit !== undefined && !COMMIT.test(commit))
    throw invalid(url, `"${commit}" is not the hash of a commit`);
  const subdirectory = subdirectoryOf(url, wishes.subdirectory ?? '');
  const { remote, transport, host } = place;
  if (remote.startsWith('-') || host.startsWith('-') || CONTROL.test(remote))
    throw invalid(url, 'it is no address');
  return { kind: 'git', remote, transport, host, ref, subdirectory, commit, keepGitDir, submodules, times };
};

const splitUrl = (url: string): { bare: string; query: string; fragment: string } => {
  const hash = url.indexOf('#');
  const before = hash < 0 ? url : url.slice(0, hash);
  const mark = before.indexOf('?');
  return {
    bare: mark < 0 ? before : before.slice(0, mark),
    query: mark < 0 ? '' : before.slice(mark + 1),
    fragment: hash < 0 ? '' : url.slice(hash + 1),
  };
};

const parseUrl = (url: string): URL => {
  if (URL.canParse(url)) return new URL(url);
  throw invalid(url, 'it is no URL');
};

const fileNameOf = ({ pathname }: URL): string | undefined => {
  const last = pathname.split('/').at(-1) ?? '';
  if (last === '') return undefined;
  try {
    const name = decodeURIComponent(last);
    return name.includes('/') || name.includes('\0') || name === '.' || name === '..' ? undefined : name;
  } catch {
    return last;
  }
};

const fromScheme = (word: string, transport: Transport): RemoteReference => {
  const { bare, query, fragment } = splitUrl(word);
  const url = parseUrl(bare);
  if (url.hostname === '') throw invalid(word, 'it names no host');
  const isGit = transport === 'ssh' || transport === 'git' || /\.git\/?$/u.test(url.pathname);
  if (isGit) return gitReference(word, { remote: bare, transport, host: url.host, query, fragment });
  return { kind: 'http', url: parseUrl(word).href.replace(/#.*$/u, ''), name: fileNameOf(url) };
};

/**
 * What a source of ADD, or a context, names elsewhere; undefined for a path. `https://…/x.git`, `git@host:path`,
 * `ssh://` and `git://` are repositories, with `#ref:directory` or `?ref=…&subdir=…`; other URLs are files.
 *
 * @throws `SOURCES_BAD_REMOTE` for other schemes (`file://` among them) and for what cannot be read
 */
export const parseRemote = (word: string): RemoteReference | undefined => {
  const scheme = SCHEME.exec(word)?.[1]?.toLowerCase();
  if (scheme !== undefined) return fromScheme(word, scheme as Transport);
  if (OTHER_SCHEME.test(word)) throw invalid(word, 'only http, https, git and ssh addresses can be fetched');
  const match = SCP.exec(word);
  if (match === null) return undefined;
  const [, user = 'git', host = '', path = '', query = '', fragment = ''] = match;
  return gitReference(word, { remote: `${user}@${host}:${path}`, transport: 'ssh', host, query, fragment });
};

/** The same for a context, where `github.com/owner/name` is a repository too. */
export const parseRemoteContext = (word: string): RemoteReference | undefined =>
  parseRemote(word.startsWith('github.com/') ? asGitHub(word) : word);

const asGitHub = (word: string): string => {
  const { bare, query, fragment } = splitUrl(word);
  const path = bare.endsWith('.git') ? bare : `${bare}.git`;
  return `https://${path}${query === '' ? '' : `?${query}`}${fragment === '' ? '' : `#${fragment}`}`;
};
