import { describe, expect, test } from 'vitest';
import { consoleErrors, flagTable, parseFlags, usageText } from './index.ts';

const table = flagTable({
  interactive: { kind: 'bool', short: 'i', help: 'Keep STDIN open' },
  tty: { kind: 'bool', short: 't', help: 'Allocate a pseudo-TTY' },
  rm: { kind: 'bool', help: 'Remove' },
  'sig-proxy': { kind: 'bool', on: true, help: 'Proxy' },
  publish: { kind: 'list', short: 'p', help: 'Publish' },
  env: { kind: 'list', short: 'e', help: 'Environment' },
  name: { kind: 'string', help: 'Name' },
  memory: { kind: 'bytes', short: 'm', help: 'Memory' },
  last: { kind: 'int', short: 'n', help: 'Last' },
  interval: { kind: 'duration', help: 'Interval' },
  net: { kind: 'list', help: '', hidden: true, aliasOf: 'network' },
  network: { kind: 'list', help: 'Network' },
});

const parse = (line: readonly string[], interspersed?: boolean) =>
  parseFlags(table, line, { command: 'lade run', interspersed });

const thrown = (line: readonly string[]): unknown => {
  try {
    return parse(line);
  } catch (error) {
    return error;
  }
};

describe("docker's flag grammar", () => {
  test('run: every form of a value, and nothing after the image', () => {
    const line =
      'run -it --rm=false -p 80:80 -p=443:443 -p8080:80 --name=web -e A=1 --env B=2 alpine:3 sh -c x --rm'
        .split(' ')
        .slice(1);
    const { flags, args, given } = parse(line, false);
    expect(flags).toMatchObject({
      interactive: true,
      tty: true,
      rm: false,
      publish: ['80:80', '443:443', '8080:80'],
      name: 'web',
      env: ['A=1', 'B=2'],
    });
    expect(args).toEqual(['alpine:3', 'sh', '-c', 'x', '--rm']);
    expect([...given]).toEqual(['interactive', 'tty', 'rm', 'publish', 'name', 'env']);
  });

  test('flags may follow arguments where the verb has no words of its own', () => {
    expect(parse(['.', '--name', 'a', '-t']).args).toEqual(['.']);
    expect(parse(['.', '--name', 'a', '-t']).flags).toMatchObject({ name: 'a', tty: true });
  });

  test('-- ends the flags', () => {
    expect(parse(['--rm', '--', 'alpine', '-x'], false)).toMatchObject({
      args: ['alpine', '-x'],
      flags: { rm: true },
    });
    expect(parse(['a', '--', '--rm']).args).toEqual(['a', '--rm']);
  });

  test('a bool never takes the next word; a cluster may end with a value', () => {
    expect(parse(['--rm', 'false']).args).toEqual(['false']);
    expect(parse(['-itp', '80:80']).flags).toMatchObject({
      interactive: true,
      tty: true,
      publish: ['80:80'],
    });
    expect(parse(['-it=false']).flags).toMatchObject({ interactive: true, tty: false });
    expect(parse(['-itm512m']).flags.memory).toBe(512 * 1024 ** 2);
  });

  test('the last scalar wins, a single dash is an argument, a default can be switched off', () => {
    expect(parse(['--name', 'a', '--name=b', '-']).flags.name).toBe('b');
    expect(parse(['-']).args).toEqual(['-']);
    expect(parse([]).flags['sig-proxy']).toBe(true);
    expect(parse(['--sig-proxy=0']).flags['sig-proxy']).toBe(false);
  });

  test('a value may begin with a dash, be empty, and hold equal signs', () => {
    expect(parse(['-n', '-1']).flags.last).toBe(-1);
    expect(parse(['--name=', '-e', 'A=b=c']).flags).toMatchObject({ name: '', env: ['A=b=c'] });
    expect(parse(['-e=A=b']).flags.env).toEqual(['A=b']);
  });

  test('aliases go to their row, durations are nanoseconds', () => {
    expect(parse(['--net', 'a', '--network=b', '--interval', '1m1.5s']).flags).toMatchObject({
      network: ['a', 'b'],
      interval: 61.5e9,
    });
  });

  test('--help and -h', () => {
    expect(parse(['--help']).help).toBe(true);
    expect(parse(['-h']).help).toBe(true);
    expect(parse(['alpine', '--help'], false).help).toBe(false);
  });
});

describe('errors', () => {
  test('an unknown flag says which one was probably meant', () => {
    const error = thrown(['--interacitve']);
    expect(error).toMatchObject({ message: 'unknown flag: --interacitve' });
    expect(error).toHaveProperty('hint', expect.stringContaining('did you mean --interactive?'));
    expect(thrown(['-ix'])).toMatchObject({ message: "unknown shorthand flag: 'x' in -ix" });
    expect(thrown(['--constructor'])).toMatchObject({ message: 'unknown flag: --constructor' });
  });

  test('missing and invalid values', () => {
    expect(thrown(['--name'])).toMatchObject({ message: 'flag needs an argument: --name' });
    expect(thrown(['-itp'])).toMatchObject({ message: "flag needs an argument: 'p' in -itp" });
    const error = thrown(['--last=x']);
    expect(consoleErrors.flagValueInvalid.is(error)).toBe(true);
    expect(error).toHaveProperty(
      'message',
      'invalid argument "x" for "-n, --last" flag: strconv.ParseInt: parsing "x": invalid syntax',
    );
    expect(thrown(['--rm=maybe'])).toHaveProperty('code', 'CONSOLE_FLAG_VALUE_INVALID');
    expect(thrown(['-m', '5x'])).toHaveProperty('code', 'CONSOLE_FLAG_VALUE_INVALID');
  });
});

test('help has aligned columns, types and defaults, and leaves hidden rows out', () => {
  const text = usageText({
    line: 'lade run IMAGE',
    summary: 'Run',
    flags: table,
    aliases: ['lade run', 'lade r'],
  });
  expect(text).toContain('Usage:  lade run IMAGE\n\nRun\n\nAliases:\n  lade run, lade r\n\nOptions:\n');
  expect(text).toContain('  -m, --memory bytes        Memory\n');
  expect(text).toContain('      --sig-proxy           Proxy (default true)\n');
  expect(text).not.toContain('--net ');
  expect(text.endsWith('\n')).toBe(true);
});
