import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { encodeImageConfig, hostPlatform, parseDiffId, parseImageConfig, type ImageConfig } from './index.ts';

const diffId = parseDiffId(`sha256:${'c'.repeat(64)}`);
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const rootfs = { type: 'layers', diff_ids: [diffId] };

const full: ImageConfig = {
  os: 'linux',
  architecture: 'arm',
  variant: 'v7',
  created: '2026-01-02T03:04:05.123456789Z',
  author: 'someone',
  config: {
    User: 'node',
    ExposedPorts: { '3000/tcp': {} },
    Env: ['PATH=/bin', 'A=b'],
    Entrypoint: ['/bin/x'],
    Cmd: [],
    Volumes: { '/data': {} },
    WorkingDir: '/srv',
    Labels: { a: '1', b: 'ü' },
    StopSignal: 'SIGINT',
    Healthcheck: { Test: ['CMD-SHELL', 'true'], Interval: 30_000_000_000, Retries: 3 },
    OnBuild: ['RUN x'],
    Shell: ['/bin/bash', '-c'],
    ArgsEscaped: true,
  },
  rootfs: { diffIds: [diffId] },
  history: [
    { created: '2026-01-02T03:04:05Z', createdBy: 'ADD x' },
    { createdBy: 'CMD []', emptyLayer: true, comment: 'c', author: 'a' },
  ],
};

describe('configurations', () => {
  test('survive being encoded and parsed, in the same bytes for any order of sets', () => {
    expect(parseImageConfig(encodeImageConfig(full))).toEqual(full);
    const shuffled = { ...full, config: { ...full.config, Labels: { b: 'ü', a: '1' } } };
    expect(encodeImageConfig(shuffled)).toEqual(encodeImageConfig(full));
  });

  test("as Go writes them: null for what isn't there", () => {
    const parsed = parseImageConfig(
      bytes({
        architecture: 'amd64',
        os: 'linux',
        config: {
          Hostname: '',
          User: '',
          Env: ['A=b'],
          Cmd: null,
          Volumes: null,
          Entrypoint: '/x',
          Labels: null,
          OnBuild: [],
        },
        container_config: { Cmd: 'ignored' },
        rootfs,
        history: [{ created: '2020-01-01T00:00:00Z', created_by: 'x', empty_layer: false }],
      }),
    );
    expect(parsed.config).toEqual({ Env: ['A=b'], Entrypoint: ['/x'], OnBuild: [] });
    expect(parsed.history).toEqual([{ created: '2020-01-01T00:00:00Z', createdBy: 'x' }]);
  });

  test('none is written that is too large to be read again', () => {
    const history = Array.from({ length: 100_000 }, (_, at) => ({
      createdBy: `LABEL a=${at} ${'#'.repeat(80)}`,
      emptyLayer: true,
    }));
    expect(() => encodeImageConfig({ ...full, history })).toThrow('larger than 8388608 bytes');
  });

  test('a platform that is not told is this machine', () => {
    expect(parseImageConfig(bytes({ rootfs }))).toMatchObject(hostPlatform());
  });

  test.each([
    ['no rootfs', { os: 'linux' }],
    ['another rootfs type', { rootfs: { type: 'disk', diff_ids: [] } }],
    ['a wrong diff ID', { rootfs: { type: 'layers', diff_ids: ['x'] } }],
    ['more history than layers', { rootfs, history: [{}, {}] }],
    ['a time that is none', { rootfs, created: 'yesterday' }],
    ['Env that is no list', { rootfs, config: { Env: 'A=b' } }],
    ['labels that are no text', { rootfs, config: { Labels: { a: 1 } } }],
  ])('refuses %s', (_, value) => {
    expect(() => parseImageConfig(bytes(value))).toThrow(
      expect.objectContaining({ kind: 'invalid-argument' }),
    );
  });

  const schemaPath = new URL('../../../../shared/spec/oci-image/config-schema.json', import.meta.url);
  test.skipIf(!existsSync(schemaPath))(
    'uses only the field names of the OCI schema, ArgsEscaped and Docker’s own (needs ../shared/spec)',
    () => {
      const schema = readFileSync(schemaPath, 'utf8');
      const written = JSON.parse(encodeImageConfig(full).toString()) as Record<string, unknown>;
      for (const key of [...Object.keys(written), ...Object.keys(written['config'] as object)]) {
        if (!['OnBuild', 'Shell', 'Healthcheck'].includes(key)) expect(schema).toContain(`"${key}"`);
      }
    },
  );
});
