/** Nothing is answered before it is durable: what the registry asks of the kernel, in its order, seen by strace. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { attach, straceProblem } from './faults/support/strace.ts';
import { startRegistry } from './support/lade.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
afterAll(() => scratch[Symbol.dispose]());

/** One system call; places are lines of the recording. */
interface Call {
  readonly name: string;
  readonly text: string;
  readonly begins: number;
  readonly ends: number;
}

const CALLS = 'trace=write,pwrite64,writev,pwritev,rename,renameat,renameat2,fsync,fdatasync,syncfs,sendto';

const decoded = (text: string): string =>
  text.replaceAll(/\\x([0-9a-f]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** Calls that succeeded, in the order in which they ended. */
const callsOf = (recording: string): readonly Call[] => {
  const open = new Map<string, { readonly text: string; readonly begins: number }>();
  const calls: Call[] = [];
  for (const [at, line] of recording.split('\n').entries()) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/s.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/s.exec(rest)?.[1];
    const before = resumed === undefined ? undefined : open.get(thread);
    const whole = `${before?.text ?? ''}${resumed ?? rest}`;
    if (whole.endsWith(' <unfinished ...>')) {
      open.set(thread, { text: whole.slice(0, -' <unfinished ...>'.length), begins: at });
      continue;
    }
    const [, name, text = '', result = ''] = /^(\w+)\((.*)\) += (-?\d+)/s.exec(whole) ?? [];
    if (name === undefined || Number(result) < 0) continue;
    calls.push({ name, text: decoded(text), begins: before?.begins ?? at, ends: at });
  }
  return calls;
};

const last = (calls: readonly Call[], what: string): Call => {
  const call = calls.at(-1);
  if (call === undefined) throw new Error(`the recording has no ${what}`);
  return call;
};

const first = (calls: readonly Call[], what: string): Call => last(calls.slice(0, 1), what);

/** The first call of these that began when `before` had ended. */
const after = (calls: readonly Call[], before: Call, what: string): Call =>
  first(
    calls.filter(({ begins }) => begins > before.ends),
    `${what} after ${before.name} of line ${before.begins}`,
  );

const isWrite = ({ name }: Call): boolean => /write|sendto/.test(name);
const isSyncOf = ({ name, text }: Call, path: string): boolean =>
  name === 'syncfs' || (/^f(?:data)?sync$/.test(name) && text.includes(`<${path}>`));

/** The order for one blob; each step ends before the next begins. */
const orderOf = (calls: readonly Call[], hex: string): readonly Call[] => {
  const rename = first(
    calls.filter(({ name, text }) => name.startsWith('rename') && text.includes(`/${hex}"`)),
    `rename to ${hex}`,
  );
  const [, from = '', to = ''] = /"([^"]+)".*"([^"]+)"/s.exec(rename.text) ?? [];
  const written = last(
    calls.filter((call) => isWrite(call) && call.text.includes(`<${from}>`)),
    `write to ${from}`,
  );
  const content = after(
    calls.filter((call) => isSyncOf(call, from)),
    written,
    'sync of the content',
  );
  const directory = to.slice(0, to.lastIndexOf('/'));
  const name = after(
    calls.filter((call) => isSyncOf(call, directory)),
    rename,
    'sync of the name',
  );
  const record = first(
    calls.filter(
      (call) => isWrite(call) && call.text.includes('registry.db-wal>') && call.text.includes(hex),
    ),
    `record of ${hex}`,
  );
  const committed = after(
    calls.filter((call) => isSyncOf(call, `${from.slice(0, from.indexOf('/uploads/'))}/registry.db-wal`)),
    record,
    'sync of the record',
  );
  const answer = first(
    calls.filter((call) => isWrite(call) && call.text.includes('HTTP/1.1 201') && call.text.includes(hex)),
    `answer for ${hex}`,
  );
  return [written, content, rename, name, record, committed, answer];
};

const problem = await straceProblem();

describe.skipIf(problem !== undefined)(`blobs are durable before the answer${problem ?? ''}`, () => {
  test.each([1, 2, 16])('%i at once', async (count) => {
    await using registry = await startRegistry(scratch.join(`root-${count}`));
    const url = `http://${registry.address}`;
    const push = async (): Promise<string> => {
      const bytes = randomBytes(4096);
      const hex = createHash('sha256').update(bytes).digest('hex');
      const begun = await fetch(`${url}/v2/a/b/blobs/uploads/`, { method: 'POST' });
      const place = new URL(begun.headers.get('location') ?? '', url);
      expect((await fetch(place, { method: 'PATCH', body: bytes })).status).toBe(202);
      place.searchParams.set('digest', `sha256:${hex}`);
      expect((await fetch(place, { method: 'PUT' })).status).toBe(201);
      return hex;
    };
    await push();
    const recording = scratch.join(`recording-${count}`);
    const args = ['-o', recording, '-y', '-xx', '-s', '65536', '-e', 'signal=none', '-e', CALLS];
    const tracing = await attach(registry.service.child.pid ?? 0, args);
    const pushed = await Promise.all(Array.from({ length: count }, push));
    await tracing.detach();
    const calls = callsOf(readFileSync(recording, 'latin1'));
    for (const hex of pushed) {
      const steps = orderOf(calls, hex);
      for (const [index, step] of steps.entries()) {
        const next = steps[index + 1];
        if (next !== undefined)
          expect(step.ends, `${step.name} before ${next.name}`).toBeLessThan(next.begins);
      }
    }
  });
});
