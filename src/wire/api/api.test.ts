import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  LADE_VERSION,
  checkApiVersion,
  checkFilters,
  decodeRegistryAuth,
  decodeRegistryConfig,
  encodeAuthHeader,
  frameHeader,
  parseBody,
  parseFilters,
  parseFlag,
  parseFrameHeader,
  parseTimestamp,
  parseWhole,
} from './index.ts';

describe('bodies', () => {
  test('a create request keeps what it says, also what no schema knows', async () => {
    const body = await parseBody(
      'containerCreate',
      JSON.stringify({
        Image: 'debian',
        Cmd: 'ls',
        Entrypoint: null,
        ExposedPorts: { '80/tcp': {} },
        HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '8080' }] }, BlkioWeight: 5 },
        NetworkingConfig: { EndpointsConfig: { web: null } },
      }),
    );
    expect(body.Cmd).toEqual(['ls']);
    expect(body.HostConfig).toMatchObject({ BlkioWeight: 5 });
  });

  test.each([
    ['{"HostConfig":{"Binds":"a:b"}}', /HostConfig\.Binds: expected list, got string "a:b"/],
    ['{"Env":[1]}', /Env\[0\]: expected string, got number 1/],
    [
      '{"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":80}]}}}',
      /PortBindings\["80\/tcp"\]\[0\]\.HostPort/,
    ],
    ['{"Cmd":{}}', /Cmd: got object/],
    ['[]', /request body: expected object, got list/],
    ['{"Image":', /not JSON/],
  ])('%s names the field', async (json, message) => {
    await expect(parseBody('containerCreate', json)).rejects.toThrow(message);
    await expect(parseBody('containerCreate', json)).rejects.toMatchObject({ kind: 'invalid-argument' });
  });

  test('Lade’s own build call refuses what it does not know', async () => {
    await expect(parseBody('ladeBuild', '{"contextPath":"/c","tag":["x"]}')).rejects.toThrow(
      /unknown field tag/,
    );
    await expect(parseBody('ladeSetting', '{}')).rejects.toThrow(/value: expected string, got nothing/);
    await expect(parseBody('execStart', '')).resolves.toEqual({});
  });
});

describe('parameters', () => {
  test('flags, numbers, times', () => {
    expect(['1', 'true', 'yes', 'x'].map((value) => parseFlag(value))).toEqual([true, true, true, true]);
    expect(['', '0', 'False', 'none', undefined].map((value) => parseFlag(value))).not.toContain(true);
    expect(parseFlag(undefined, true)).toBe(true);
    expect(parseWhole('t', '-1')).toBe(-1);
    expect(() => parseWhole('t', 'ten')).toThrow(/t=ten/);
    expect(parseTimestamp('since', '1700000000.5')).toBe(1_700_000_000_500_000_000n);
    expect(parseTimestamp('since', '1970-01-01T00:00:01Z')).toBe(1_000_000_000n);
    expect(parseTimestamp('since', '0')).toBeUndefined();
    expect(() => parseTimestamp('since', 'yesterday')).toThrow(/since=yesterday/);
  });

  test('filters in both forms; unknown keys are named', () => {
    expect(parseFilters('{"label":["a","b=c"]}')).toEqual({ label: ['a', 'b=c'] });
    expect(parseFilters('{"status":{"exited":true,"dead":false}}')).toEqual({ status: ['exited'] });
    expect(() => parseFilters('[]')).toThrow(/filters/);
    expect(() => parseFilters('{')).toThrow(/filters/);
    expect(() => checkFilters({ color: [] }, ['label'])).toThrow(/color/);
  });

  test('versions outside the range get the sentence of the engine', () => {
    expect(checkApiVersion('1.24')).toBe('1.24');
    expect(() => checkApiVersion('1.52')).toThrow(
      'client version 1.52 is too new. Maximum supported API version is 1.51',
    );
    expect(() => checkApiVersion('1.23')).toThrow(
      /1\.23 is too old\. Minimum supported API version is 1\.24/,
    );
  });
});

test('the version is that of the package', async () => {
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
  expect(JSON.parse(text)).toMatchObject({ version: LADE_VERSION });
});

describe('credentials', () => {
  test('round trip, `auth` form, per host, nothing', () => {
    const auth = { username: 'ann', password: 'ü:1', serveraddress: 'r:5000' };
    expect(decodeRegistryAuth(encodeAuthHeader(auth))).toMatchObject(auth);
    const packed = Buffer.from(JSON.stringify({ auth: Buffer.from('bob:p:w').toString('base64') }));
    expect(decodeRegistryAuth(packed.toString('base64'))).toMatchObject({ username: 'bob', password: 'p:w' });
    expect(decodeRegistryConfig(encodeAuthHeader({ 'r:5000': auth })).get('r:5000')).toMatchObject(auth);
    expect(decodeRegistryAuth(encodeAuthHeader({}))).toBeUndefined();
    expect(() => decodeRegistryAuth('%%%')).toThrow(/X-Registry-Auth/);
  });
});

test('frames of multiplexed streams round trip', () => {
  fc.assert(
    fc.property(fc.constantFrom('stdin', 'stdout', 'stderr'), fc.nat(2 ** 32 - 1), (stream, size) => {
      expect(parseFrameHeader(frameHeader(stream, size))).toEqual({ stream, size });
    }),
  );
  expect(parseFrameHeader(Buffer.from('HTTP/1.1'))).toBeUndefined();
});
