import { describe, expect, test } from 'vitest';
import {
  dockerfileErrors,
  parseDockerfile,
  parseDockerfileInSlices,
  parseRunMount,
  parseTrigger,
} from './index.ts';

const instruction = (line: string) => parseDockerfile(`FROM a\n${line}`).stages[0]?.instructions[0];

describe('parseDockerfile', () => {
  test('gives stages, global arguments and typed instructions', () => {
    const file = parseDockerfile(
      'ARG V=1 W\nFROM --platform=$BUILDPLATFORM a:$V AS Build\nRUN make\nFROM scratch\nCOPY --from=build --chown=1:2 --chmod=755 --link /x "y z" /d/\n',
    );
    expect(file.globalArgs[0]?.args.map(({ name, value }) => [name.value, value?.value])).toEqual([
      ['V', '1'],
      ['W', undefined],
    ]);
    expect(file.stages.map(({ from }) => [from.image.value, from.name?.value, from.platform?.value])).toEqual(
      [
        ['a:$V', 'build', '$BUILDPLATFORM'],
        ['scratch', undefined, undefined],
      ],
    );
    expect(file.stages[1]?.instructions[0]).toMatchObject({
      kind: 'copy',
      from: { value: 'build' },
      chown: { value: '1:2' },
      chmod: { value: '755' },
      link: true,
      sources: [{ value: '/x' }, { value: '"y' }, { value: 'z"' }],
      destination: { value: '/d/' },
    });
  });

  test.each([
    ['RUN echo a', { kind: 'run', command: { form: 'shell', text: 'echo a' } }],
    ['RUN ["a", "b c"]', { kind: 'run', command: { form: 'exec', args: ['a', 'b c'] } }],
    ['RUN --network=none --mount=type=tmpfs,target=/t x', { network: 'none', mounts: [{}] }],
    ['CMD []', { kind: 'cmd', command: { form: 'exec', args: [] } }],
    ['ENV a=1 b="x y"', { pairs: [{ key: { value: 'a' }, legacy: false }, { value: { value: '"x y"' } }] }],
    ['ENV a 1 2', { pairs: [{ key: { value: 'a' }, value: { value: '1 2' }, legacy: true }] }],
    ['HEALTHCHECK NONE', { test: ['NONE'] }],
    [
      'HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD curl x',
      { test: ['CMD-SHELL', 'curl x'], interval: 90e9, timeout: 5e8, retries: 3, startPeriod: 0 },
    ],
    ['HEALTHCHECK CMD ["a"]', { test: ['CMD', 'a'] }],
    ['SHELL ["/bin/bash", "-c"]', { shell: ['/bin/bash', '-c'] }],
    ['VOLUME /a /b', { paths: [{ value: '/a' }, { value: '/b' }] }],
    ['ONBUILD COPY a b', { kind: 'onbuild', expression: 'COPY a b' }],
    ['ONBUILD RUN <<E\nx\nE', { expression: 'RUN <<E\nx\nE' }],
    [
      'COPY <<E <<"F" x /d/\n1\nE\n2\nF',
      { sources: [{ value: 'x' }], inline: [{ name: 'E' }, { name: 'F' }] },
    ],
    ['ADD --keep-git-dir=true --checksum=sha256:1 https://x y', { keepGitDir: true, checksum: {} }],
  ])('%s', (line, want) => expect(instruction(line)).toMatchObject(want));

  test.each([
    ['RNU x', 'unknown instruction: RNU (did you mean RUN?)'],
    ['COPYY a b', 'did you mean COPY?'],
    ['ONBUILD FRM x', 'unknown instruction: FRM'],
    ['COPY --chwon=1 a b', 'unknown flag: --chwon (did you mean chown?)'],
    ['COPY --link=maybe a b', 'expecting boolean'],
    ['COPY --chown=1 --chown=2 a b', 'duplicate flag'],
    ['COPY a', 'at least two arguments'],
    ['COPY a <<E\nE', 'heredoc as a destination'],
    ['SHELL /bin/sh', 'JSON form'],
    ['HEALTHCHECK CMD', 'Missing command'],
    ['HEALTHCHECK PING x', 'Unknown type "PING"'],
    ['HEALTHCHECK --interval=x CMD y', 'invalid duration'],
    ['HEALTHCHECK --interval=1us CMD y', 'less than 1ms'],
    ['HEALTHCHECK --retries=-1 CMD y', 'cannot be negative (-1)'],
    ['ONBUILD ONBUILD RUN x', "isn't allowed"],
    ['ONBUILD FROM x', 'FROM isn'],
    ['FROM a AS 1x', 'invalid name for build stage'],
    ['FROM a b', 'either one or three'],
    ['RUN --network=lan x', 'invalid network mode "lan"'],
    ['RUN --mount=type=bnd,target=/x y', 'unsupported mount type'],
    ['ARG =x', 'can not be blank'],
    ['WORKDIR', 'exactly one argument'],
    ['USER', 'exactly one argument'],
  ])('%s is refused', (line, message) => {
    expect(() => parseDockerfile(`FROM a\n${line}\nRUN after`)).toThrow(message);
    expect(() => parseDockerfile(`FROM a\n${line}\nRUN after`)).toThrow(
      / line 2: [^]*Dockerfile:2\n[^]*>>>/u,
    );
  });

  test('errors have codes', () => {
    const codeOf = (source: string): string | undefined => {
      try {
        parseDockerfile(source);
      } catch (error) {
        return dockerfileErrors.unknownInstruction.is(error) ? 'unknown' : 'other';
      }
      return undefined;
    };
    expect(codeOf('FROM a\nRNU x')).toBe('unknown');
    expect(codeOf('RUN x')).toBe('other');
    expect(codeOf('ARG x')).toBe('other');
    expect(codeOf('FROM a')).toBeUndefined();
  });
});

describe('parseRunMount', () => {
  test.each([
    ['target=/x', { kind: 'bind', source: '/', from: undefined, writable: false }],
    ['type=bind,src=a,dst=/x,from=b,rw', { kind: 'bind', source: 'a', from: 'b', writable: true }],
    ['type=cache,target=/c', { id: '/c', sharing: 'shared', readonly: false, mode: 0o755 }],
    [
      'type=cache,id=n,destination=/c,sharing=locked,ro=true,mode=0700,uid=5',
      { id: 'n', readonly: true, mode: 0o700, uid: 5 },
    ],
    ['type=tmpfs,target=/t,size=64m', { sizeBytes: 64 * 1024 ** 2 }],
    ['type=secret,id=k', { target: '/run/secrets/k', mode: 0o400, required: false }],
    ['type=secret,id=k,env=K,required', { target: undefined, env: 'K', required: true }],
    ['type=secret,"target=/a,b"', { id: 'a,b', target: '/a,b' }],
    ['type=ssh', { kind: 'ssh', id: 'default' }],
  ])('%s', (mount, want) => expect(parseRunMount(mount)).toMatchObject(want));

  test.each([
    ['type=cache', 'target is required'],
    ['type=bind,targt=/x', 'did you mean target?'],
    ['type=bind,target=/x,uid=1', "unexpected key 'uid'"],
    ['type=cache,target=/x,sharing=all', 'unsupported sharing'],
    ['type=tmpfs,target=/x,size=big', 'invalid value for size'],
    ['type=cache,target=/x,mode=9', 'invalid value 9 for mode'],
    ['type=secret', 'one of id, target'],
    ['target', 'key=value'],
    ['"type=bind', 'does not end'],
  ])('%s is refused', (mount, message) => expect(() => parseRunMount(mount)).toThrow(message));
});

test('parseTrigger reads what an image holds', () => {
  expect(parseTrigger('COPY . /src')).toMatchObject({ kind: 'copy', destination: { value: '/src' } });
  expect(parseTrigger('RUN <<E\nx\nE')).toMatchObject({ heredocs: [{ content: 'x\n' }] });
});

describe('sizes', () => {
  const error = (source: string) => {
    try {
      parseDockerfile(source);
      return undefined;
    } catch (reason) {
      return reason;
    }
  };

  test('a line may have 65535 bytes, as with docker', () => {
    const label = 'LABEL a=';
    expect(error(`FROM a\n${label}${'x'.repeat(65_535 - label.length)}\n`)).toBeUndefined();
    expect(error(`FROM a\n${label}${'x'.repeat(65_536 - label.length)}\n`)).toMatchObject({
      code: 'DOCKERFILE_LINE_TOO_LONG',
      message: 'dockerfile line greater than max allowed size of 65535 (Dockerfile:2)',
    });
    expect(error(`FROM a\nLABEL b=${'ä'.repeat(33_000)}`)).toMatchObject({
      code: 'DOCKERFILE_LINE_TOO_LONG',
    });
  });

  test('white space inside and after lines costs no more than other text', () => {
    const line = `LABEL a=b${' '.repeat(60_000)}c=d${'\r'.repeat(5_000)}`;
    expect(parseDockerfile(`FROM a\n${`${line}\n`.repeat(200)}`).stages[0]?.instructions).toHaveLength(200);
  });
});

describe('long and hostile files', () => {
  test('are read while other work goes on', async () => {
    let turns = 0;
    let done = false;
    const count = (): void => {
      turns += 1;
      if (!done) setImmediate(count);
    };
    setImmediate(count);
    const source = `FROM a\n${'LABEL a=b c="d e"\n'.repeat(60_000)}`;
    const file = await parseDockerfileInSlices(source);
    done = true;
    expect(file.stages[0]?.instructions).toHaveLength(60_000);
    expect(turns).toBeGreaterThan(5);
  });

  test('end at an abort', async () => {
    const source = `FROM a\n${'LABEL a=b c="d e"\n'.repeat(60_000)}`;
    await expect(parseDockerfileInSlices(source, { signal: AbortSignal.abort() })).rejects.toThrow();
  });

  test.each<[string, () => string, RegExp]>([
    ['one of half a gigabyte', () => 'x'.repeat(500_000_000), /has 500000000 characters, more than/u],
    [
      'an instruction of many lines',
      () => `FROM a\nRUN ${'abcdefgh \\\n'.repeat(150_000)}x`,
      /longer than 1048576/u,
    ],
    ['millions of empty lines', () => `FROM a\n${'\n'.repeat(16_000_000)}`, /has more than 2500000 lines/u],
    ['a word that is no instruction', () => 'X'.repeat(60_000), /unknown instruction: X{60}$/mu],
    [
      'a heredoc without an end',
      () => `FROM a\nCOPY <<E /x\n${'\n'.repeat(2_000_000)}`,
      /unterminated heredoc/u,
    ],
  ])('%s', (_name, source, message) => expect(() => parseDockerfile(source())).toThrow(message));

  test('an excerpt shows some lines of a long instruction', () => {
    let text = '';
    try {
      parseDockerfile(`FROM a\nRUN --network=x ${'a \\\n'.repeat(1000)}b\n`);
    } catch (error) {
      text = String(error);
    }
    expect(text.split('\n').length).toBeLessThan(40);
    expect(text).toContain('invalid network mode "x"');
  });
});

describe('details', () => {
  test('the escape character of the file counts for flags too', () => {
    const file = parseDockerfile('# escape=`\nFROM a\nCOPY --chown=a`\\ --chmod="7`"5" x y\n');
    expect(file.stages[0]?.instructions[0]).toMatchObject({
      chown: { value: 'a\\' },
      chmod: { value: '7"5' },
    });
  });

  test('HEALTHCHECK NONE ignores flags', () => {
    expect(instruction('HEALTHCHECK --interval=5s NONE')).toMatchObject({ test: ['NONE'], interval: 0 });
  });

  test('a mount expands the values of its fields alone', () => {
    const expand = (value: string): string => (value === '$T' ? 'a,b="c' : value);
    expect(parseRunMount('type=tmpfs,target=$T', expand)).toMatchObject({ target: 'a,b="c' });
  });

  test.each([
    ['type=bnd,target=/x', 'unsupported mount type "bnd" (did you mean bind?)'],
    ['type=cache,target=/x,sharing=share', 'unsupported sharing value "share" (did you mean shared?)'],
    ['type=bind,trget=/x', "unexpected key 'trget' in 'trget=/x' (did you mean target?)"],
  ])('--mount=%s: %s', (mount, message) => expect(() => parseRunMount(mount)).toThrow(message));

  test('errors begin as docker writes them', () => {
    expect(() => parseDockerfile('FROM a\nFOO b')).toThrow(
      /^dockerfile parse error on line 2: unknown instruction: FOO \(did you mean FROM\?\)\nDockerfile:2\n/u,
    );
  });
});
