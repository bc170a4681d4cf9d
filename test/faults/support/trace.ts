/** What a process did to files, read from strace's output. */

/** One step; paths are as they were then. */
export type Step =
  | { readonly kind: 'open'; readonly fd: number; readonly path: string; readonly flags: string }
  | { readonly kind: 'close'; readonly fd: number }
  | {
      readonly kind: 'write';
      readonly fd: number;
      readonly path: string;
      readonly data: Buffer;
      /** Undefined where the descriptor's own position counts. */
      readonly offset: number | undefined;
    }
  | { readonly kind: 'truncate'; readonly path: string; readonly size: number }
  | { readonly kind: 'rename' | 'link'; readonly from: string; readonly to: string }
  | { readonly kind: 'remove' | 'mkdir'; readonly path: string }
  /** The kernel has begun to write back; what comes later need not be part of it. */
  | { readonly kind: 'sync-begin'; readonly thread: string; readonly path: string }
  | { readonly kind: 'sync-end'; readonly thread: string; readonly path: string }
  | { readonly kind: 'sync-all' };

/** What `strace` is to be asked for. `sendfile` and `copy_file_range` stand in it to be noticed: they have no data. */
export const TRACE_ARGS = [
  '-y',
  '-xx',
  '-s',
  '16777216',
  '-e',
  'signal=none',
  '-e',
  [
    'trace=openat,close,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate',
    'rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat',
    'fsync,fdatasync,syncfs,sync,sendfile,copy_file_range,splice',
  ].join(','),
] as const;

const bytesOf = (text: string): Buffer => {
  const raw = Buffer.from(text, 'latin1');
  const bytes = Buffer.alloc(raw.length);
  let length = 0;
  for (let at = 0; at < raw.length; at++) {
    const escaped = raw[at] === 0x5c && raw[at + 1] === 0x78;
    bytes[length++] = escaped ? Number.parseInt(raw.toString('latin1', at + 2, at + 4), 16) : (raw[at] ?? 0);
    if (escaped) at += 3;
  }
  return bytes.subarray(0, length);
};

const textOf = (escaped: string): string => bytesOf(escaped).toString();

interface Call {
  readonly thread: string;
  readonly name: string;
  readonly args: string;
  readonly result: string;
}

const FD = /^(\d+|AT_FDCWD)<([^>]*)>/;

/** Path named by a directory descriptor and a text, as the *at calls take them. */
const pathAt = (args: string): { readonly path: string; readonly rest: string } => {
  const [, directory = '', text = '', rest = ''] = /^\S+?<([^>]*)>, "([^"]*)"(.*)$/s.exec(args) ?? [];
  const name = textOf(text);
  return { path: name.startsWith('/') ? name : `${textOf(directory)}/${name}`, rest };
};

const strings = (args: string): readonly string[] =>
  [...args.matchAll(/"([^"]*)"/g)].map(([, text = '']) => text);

const written = (call: Call, done: number): Step => {
  const [, fd = '-1', path = ''] = FD.exec(call.args) ?? [];
  const data = Buffer.concat(strings(call.args).map(bytesOf)).subarray(0, done);
  const last = (call.name === 'pwritev2' ? /, (\d+), \w+$/ : /, (\d+)$/).exec(call.args)?.[1];
  const offset = call.name.startsWith('pwrite') ? Number(last) : undefined;
  return { kind: 'write', fd: Number(fd), path: textOf(path), data, offset };
};

const opened = ({ args, result }: Call): Step => {
  const [, fd = '-1', path = ''] = FD.exec(result) ?? [];
  return { kind: 'open', fd: Number(fd), path: textOf(path), flags: pathAt(args).rest };
};

const fdPath = (args: string): string => textOf(FD.exec(args)?.[2] ?? '');

const twoPaths = (call: Call): { readonly from: string; readonly to: string } => {
  if (!call.name.includes('at')) {
    const [from = '', to = ''] = strings(call.args).map(textOf);
    return { from, to };
  }
  const first = pathAt(call.args);
  return { from: first.path, to: pathAt(first.rest.replace(/^, /, '')).path };
};

const firstPath = (call: Call): string =>
  call.name.endsWith('at') ? pathAt(call.args).path : textOf(strings(call.args)[0] ?? '');

const finished = (call: Call): readonly Step[] => {
  const { name, args, result, thread } = call;
  const done = Number.parseInt(result, 10);
  if (Number.isNaN(done) || done < 0) return [];
  if (name === 'openat') return [opened(call)];
  if (name === 'close') return [{ kind: 'close', fd: Number.parseInt(args, 10) }];
  if (/^p?writev?(64|2)?$/.test(name)) return [written(call, done)];
  if (name === 'ftruncate')
    return [{ kind: 'truncate', path: fdPath(args), size: Number(/, (\d+)$/.exec(args)?.[1]) }];
  if (name.startsWith('rename')) return [{ kind: 'rename', ...twoPaths(call) }];
  if (name === 'link' || name === 'linkat') return [{ kind: 'link', ...twoPaths(call) }];
  if (/^(unlink|unlinkat|rmdir)$/.test(name)) return [{ kind: 'remove', path: firstPath(call) }];
  if (name.startsWith('mkdir')) return [{ kind: 'mkdir', path: firstPath(call) }];
  if (name === 'fsync' || name === 'fdatasync') return [{ kind: 'sync-end', thread, path: fdPath(args) }];
  if (name === 'syncfs' || name === 'sync') return [{ kind: 'sync-all' }];
  throw new Error(`${name} is not modelled: ${args.slice(0, 300)}`);
};

const begun = (call: Omit<Call, 'result'>): readonly Step[] =>
  call.name === 'fsync' || call.name === 'fdatasync'
    ? [{ kind: 'sync-begin', thread: call.thread, path: fdPath(call.args) }]
    : [];

/** The steps in the order in which they ended; calls that failed are left out. */
export const stepsOf = (output: string): readonly Step[] => {
  const open = new Map<string, string>();
  return output.split('\n').flatMap((line): readonly Step[] => {
    const [, thread = '', text = ''] = /^(\d+) +(.*)$/s.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/s.exec(text)?.[1];
    const whole = resumed === undefined ? text : `${open.get(thread) ?? ''}${resumed}`;
    const unfinished = /^(\w+)\((.*) <unfinished \.\.\.>$/s.exec(whole);
    if (unfinished !== null) {
      const [, name = '', args = ''] = unfinished;
      open.set(thread, `${name}(${args}`);
      return begun({ thread, name, args });
    }
    const [, name, args = '', result = ''] = /^(\w+)\((.*)\) += (.*)$/s.exec(whole) ?? [];
    if (name === undefined) return [];
    const call = { thread, name, args: args.trimEnd(), result };
    return [...(resumed === undefined ? begun(call) : []), ...finished(call)];
  });
};
