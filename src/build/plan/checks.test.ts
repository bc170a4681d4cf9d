import { describe, expect, test } from 'vitest';
import { createPatternMatcher, parseIgnoreFile } from '#dockerfile';
import type { ImageConfig } from '#oci';
import type { OpenContext } from '#sources';
import type { BuildRequest } from '../builder/types.ts';
import { scratchConfig } from './image-draft.ts';
import { sketchPlan } from './plan.ts';
import { sketchBuild } from './sketch.ts';

interface Asked {
  readonly ignore?: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly base?: Partial<ImageConfig>;
}

const contextOf = (text: string, ignore: string | undefined): OpenContext => ({
  tree: {
    root: '/nonexistent',
    label: 'the build context',
    digests: { digest: () => Promise.reject(new Error('nothing is read')), flush: () => Promise.resolve() },
    ignore:
      ignore === undefined
        ? undefined
        : { matcher: createPatternMatcher(parseIgnoreFile(ignore)), file: '.dockerignore', text: ignore },
    keepsOwners: false,
  },
  dockerfile: { name: 'Dockerfile', text },
  scope: 'test',
  [Symbol.asyncDispose]: () => Promise.resolve(),
});

const planned = async (text: string, asked: Asked = {}) => {
  const request: BuildRequest = {
    context: { kind: 'directory', path: '/nonexistent' },
    buildArgs: asked.args ?? {},
    target: asked.target,
    platforms: ['linux/amd64'],
  };
  const all = { allStages: asked.target === undefined };
  const sketch = await sketchBuild(request, contextOf(text, asked.ignore), () => undefined, all);
  const base = { ...scratchConfig({ os: 'linux', architecture: 'amd64' }), ...asked.base };
  const bases = new Map(sketch.outline.needed.map(({ index }) => [index, base]));
  return { sketch, stages: await sketchPlan(sketch, bases) };
};

const findings = async (text: string, asked: Asked = {}) =>
  (await planned(text, asked)).sketch.report.findings.map(
    ({ rule, message, range }) => [rule, range.start.line, range.end.line, message] as const,
  );

const text = (...lines: readonly string[]): string => `${lines.join('\n')}\n`;

describe('build checks', () => {
  test.each<[string, string, Asked, (readonly [string, number, number, string])[]]>([
    [
      'StageNameCasing',
      text('FROM scratch AS BadName'),
      {},
      [['StageNameCasing', 1, 1, "Stage name 'BadName' should be lowercase"]],
    ],
    [
      'FromAsCasing',
      text('FROM scratch as a', 'from scratch AS b'),
      {},
      [
        ['FromAsCasing', 1, 1, "'as' and 'FROM' keywords' casing do not match"],
        ['FromAsCasing', 2, 2, "'AS' and 'from' keywords' casing do not match"],
        [
          'ConsistentInstructionCasing',
          2,
          2,
          "Command 'from' should match the case of the command majority (uppercase)",
        ],
      ],
    ],
    [
      'NoEmptyContinuation: the line at which the instruction ends',
      text('FROM scratch', 'COPY a \\', '', '  b \\', '# no matter', ' c /'),
      {},
      [['NoEmptyContinuation', 6, 6, 'Empty continuation line']],
    ],
    [
      'ConsistentInstructionCasing',
      text('from scratch', 'copy a b', 'Copy c d', 'LABEL a=b'),
      {},
      [
        [
          'ConsistentInstructionCasing',
          3,
          3,
          "Command 'Copy' should match the case of the command majority (lowercase)",
        ],
        [
          'ConsistentInstructionCasing',
          4,
          4,
          "Command 'LABEL' should match the case of the command majority (lowercase)",
        ],
      ],
    ],
    [
      'DuplicateStageName',
      text('FROM scratch AS a', 'FROM scratch AS a'),
      {},
      [['DuplicateStageName', 2, 2, 'Duplicate stage name "a", stage names should be unique']],
    ],
    [
      'ReservedStageName',
      text('FROM scratch AS context', 'FROM scratch AS scratch'),
      {},
      [
        ['ReservedStageName', 1, 1, 'Stage name should not use the same name as reserved stage "context"'],
        ['ReservedStageName', 2, 2, 'Stage name should not use the same name as reserved stage "scratch"'],
      ],
    ],
    [
      'JSONArgsRecommended, but not where a SHELL is set',
      text('FROM scratch', 'CMD a \\', '  b', 'FROM scratch', 'SHELL ["x"]', 'ENTRYPOINT a'),
      {},
      [
        [
          'JSONArgsRecommended',
          2,
          3,
          'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
        ],
      ],
    ],
    [
      'MaintainerDeprecated',
      text('FROM scratch', 'MAINTAINER me'),
      {},
      [['MaintainerDeprecated', 2, 2, 'Maintainer instruction is deprecated in favor of using label']],
    ],
    [
      'UndefinedArgInFrom and InvalidDefaultArgInFrom',
      text('ARG VERSION', 'ARG foo=x', 'FROM busybox:$VERSION AS a', 'FROM $foo'),
      { args: { VERSION: '1', foobar: 'b' } },
      [
        [
          'InvalidDefaultArgInFrom',
          3,
          3,
          'Default value for ARG busybox:$VERSION results in empty or invalid base image name',
        ],
      ],
    ],
    [
      'WorkdirRelativePath: only the first of a stage and those below it',
      text(
        'FROM scratch AS a',
        'WORKDIR app',
        'WORKDIR sub',
        'FROM a',
        'WORKDIR more',
        'FROM scratch',
        'WORKDIR /x',
        'WORKDIR y',
      ),
      {},
      [
        [
          'WorkdirRelativePath',
          2,
          2,
          'Relative workdir "app" can have unexpected results if the base image changes',
        ],
      ],
    ],
    [
      'UndefinedVar: each word, with a suggestion',
      text(
        'FROM scratch',
        'ARG unset',
        'ENV FOOBAR=1',
        'COPY $foo $foo .',
        'WORKDIR /$FOBAR$unset',
        'RUN echo $nothing',
      ),
      {},
      [
        ['UndefinedVar', 4, 4, "Usage of undefined variable '$foo'"],
        ['UndefinedVar', 4, 4, "Usage of undefined variable '$foo'"],
        ['UndefinedVar', 5, 5, "Usage of undefined variable '$FOBAR' (did you mean $FOOBAR?)"],
      ],
    ],
    [
      'MultipleInstructionsDisallowed: where the one that is lost stands',
      text(
        'FROM scratch',
        'CMD ["a"]',
        'HEALTHCHECK NONE',
        'CMD ["b"]',
        'HEALTHCHECK CMD c',
        'FROM scratch',
        'CMD ["d"]',
      ),
      {},
      [
        [
          'MultipleInstructionsDisallowed',
          2,
          2,
          'Multiple CMD instructions should not be used in the same stage because only the last one will be used',
        ],
        [
          'MultipleInstructionsDisallowed',
          3,
          3,
          'Multiple HEALTHCHECK instructions should not be used in the same stage because only the last one will be used',
        ],
      ],
    ],
    [
      'LegacyKeyValueFormat, with the instruction as it is written',
      text('FROM scratch', 'ENV a b', 'label c d'),
      {},
      [
        [
          'ConsistentInstructionCasing',
          3,
          3,
          "Command 'label' should match the case of the command majority (uppercase)",
        ],
        [
          'LegacyKeyValueFormat',
          2,
          2,
          '"ENV key=value" should be used instead of legacy "ENV key value" format',
        ],
        [
          'LegacyKeyValueFormat',
          3,
          3,
          '"label key=value" should be used instead of legacy "label key value" format',
        ],
      ],
    ],
    [
      'InvalidBaseImagePlatform',
      text('FROM busybox'),
      { base: { architecture: 'arm64', variant: 'v8' } },
      [
        [
          'InvalidBaseImagePlatform',
          1,
          1,
          'Base image busybox was pulled with platform "linux/arm64", expected "linux/amd64" for current build',
        ],
      ],
    ],
    [
      'RedundantTargetPlatform',
      text('FROM --platform=${TARGETPLATFORM} scratch'),
      {},
      [
        [
          'RedundantTargetPlatform',
          1,
          1,
          'Setting platform to predefined ${TARGETPLATFORM} in FROM is redundant as this is the default behavior',
        ],
      ],
    ],
    [
      'SecretsUsedInArgOrEnv',
      text('FROM scratch', 'ARG API_KEY PUBLIC_KEY TOKENS', 'ENV db_Password=x KEY_FILE=y'),
      {},
      [
        [
          'SecretsUsedInArgOrEnv',
          2,
          2,
          'Do not use ARG or ENV instructions for sensitive data (ARG "API_KEY")',
        ],
        [
          'SecretsUsedInArgOrEnv',
          3,
          3,
          'Do not use ARG or ENV instructions for sensitive data (ENV "db_Password")',
        ],
      ],
    ],
    [
      'FromPlatformFlagConstDisallowed, but for a stage that is named after it',
      text('FROM --platform=linux/arm64 scratch', 'FROM --platform=linux/arm64 scratch AS build-arm64'),
      {},
      [
        [
          'FromPlatformFlagConstDisallowed',
          1,
          1,
          'FROM --platform flag should not use constant value "linux/arm64"',
        ],
      ],
    ],
    [
      'CopyIgnoredFile',
      text(
        'FROM scratch',
        'COPY Dockerfile a/b ./c/ .',
        'ADD ./Dockerfile /',
        'COPY . /',
        'COPY --from=x Dockerfile .',
      ),
      { ignore: 'Dockerfile\na\n' },
      [
        ['CopyIgnoredFile', 2, 2, 'Attempting to Copy file "Dockerfile" that is excluded by .dockerignore'],
        ['CopyIgnoredFile', 2, 2, 'Attempting to Copy file "a/b" that is excluded by .dockerignore'],
        ['CopyIgnoredFile', 3, 3, 'Attempting to Add file "Dockerfile" that is excluded by .dockerignore'],
      ],
    ],
    [
      'CopyIgnoredFile says nothing with exceptions',
      text('FROM scratch', 'COPY a .'),
      { ignore: '*\n!b\n' },
      [],
    ],
    [
      'CopyIgnoredFile of the whole context',
      text('FROM scratch', 'COPY . .'),
      { ignore: '**\n' },
      [['CopyIgnoredFile', 2, 2, 'Attempting to Copy file "." that is excluded by .dockerignore']],
    ],
    [
      'InvalidDefinitionDescription, where it is asked for',
      text(
        '# check=experimental=all',
        '# bar is right',
        'ARG bar',
        '# wrong',
        'ARG a b',
        '',
        '# far away',
        '',
        'FROM scratch AS x',
        '# foo',
        'ARG foo',
      ),
      {},
      [
        [
          'InvalidDefinitionDescription',
          5,
          5,
          'Comment for ARG should follow the format: `# <arg_key> <description>`',
        ],
      ],
    ],
    ['InvalidDefinitionDescription is not made by default', text('# wrong', 'FROM scratch AS x'), {}, []],
    [
      'ExposeProtoCasing and ExposeInvalidFormat',
      text('FROM scratch', 'EXPOSE 80/TCP 127.0.0.1:80:81 5000:5001-5001/udp [::1]::9'),
      {},
      [
        [
          'ExposeInvalidFormat',
          2,
          2,
          "EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:81'",
        ],
        [
          'ExposeInvalidFormat',
          2,
          2,
          "EXPOSE instruction should not define an IP address or host-port mapping, found '5000:5001-5001/udp'",
        ],
        ['ExposeProtoCasing', 2, 2, "Defined protocol '80/TCP' in EXPOSE instruction should be lowercase"],
        [
          'ExposeInvalidFormat',
          2,
          2,
          "EXPOSE instruction should not define an IP address or host-port mapping, found '[::1]::9'",
        ],
      ],
    ],
    ['a clean file', text('FROM scratch AS a', 'WORKDIR /x', 'COPY a b', 'CMD ["x"]'), {}, []],
  ])('%s', async (_name, source, asked, want) => expect(await findings(source, asked)).toEqual(want));

  test('an undeclared argument of FROM is suggested', async () => {
    const found = await findings(
      text(
        'ARG VERSION=1',
        'FROM busybox:${VERSIO:-1}',
        'FROM --platform=$TARGETPLATFROM${X:-linux} scratch',
      ),
    );
    expect(found.map(([rule, line, , message]) => [rule, line, message])).toEqual([
      ['UndefinedArgInFrom', 2, "FROM argument 'VERSIO' is not declared (did you mean VERSION?)"],
      [
        'UndefinedArgInFrom',
        3,
        "FROM argument 'TARGETPLATFROM' is not declared (did you mean TARGETPLATFORM?)",
      ],
      ['UndefinedArgInFrom', 3, "FROM argument 'X' is not declared"],
    ]);
  });

  const BAD = ['FROM scratch AS A', 'MAINTAINER x', 'ENV a b'];
  test.each<[string, string, string[]]>([
    ['all', text('# check=skip=all', ...BAD), []],
    [
      'by name',
      text('# check=skip=StageNameCasing, MaintainerDeprecated', ...BAD),
      ['MaintainerDeprecated', 'LegacyKeyValueFormat'],
    ],
    ['after a shebang', text('#!/usr/bin/env x', '# check=skip=all', ...BAD), []],
    [
      'for one instruction',
      text('FROM scratch', '# check=skip=LegacyKeyValueFormat', 'ENV a b', 'ENV c d'),
      ['LegacyKeyValueFormat'],
    ],
    [
      'names count as they are written',
      text('# check=skip=legacykeyvalueformat', 'FROM scratch', 'ENV a b'),
      ['LegacyKeyValueFormat'],
    ],
    [
      'experimental checks are asked for, not skipped',
      text('# check=skip=all;experimental=InvalidDefinitionDescription', '# x', 'FROM scratch AS y'),
      ['InvalidDefinitionDescription'],
    ],
  ])('skips %s', async (_name, source, want) =>
    expect((await findings(source)).map(([rule]) => rule)).toEqual(want),
  );

  test('the build argument counts instead of the directive', async () => {
    const source = text('# check=skip=all;error=true', ...BAD);
    expect(
      await findings(source, { args: { BUILDKIT_DOCKERFILE_CHECK: 'skip=StageNameCasing' } }),
    ).toHaveLength(2);
  });

  test('findings fail the build where the file says so', async () => {
    await expect(findings(text('# check=error=true', ...BAD))).rejects.toThrow(
      'lint violation found for rules: StageNameCasing, MaintainerDeprecated, LegacyKeyValueFormat',
    );
    expect(await findings(text('# check=error=true', 'FROM scratch'))).toEqual([]);
  });

  test.each([['x=y'], ['skip'], ['error=maybe'], ['skip=all;what=1']])('refuses check=%s', async (value) => {
    await expect(findings(text(`# check=${value}`, 'FROM scratch'))).rejects.toThrow('invalid check option');
  });

  test('only stages that the target needs are looked into', async () => {
    const source = text('FROM scratch AS a', 'ENV x y', 'FROM scratch AS b', 'ENV z w');
    expect((await findings(source, { target: 'a' })).map(([, line]) => line)).toEqual([2]);
    expect((await findings(source)).map(([, line]) => line)).toEqual([2, 4]);
  });

  test('a file with very many findings ends with a word about it', async () => {
    expect(
      await findings(text('FROM scratch', ...Array.from({ length: 3000 }, () => 'ENV a b'))),
    ).toHaveLength(1000);
  });
});

describe('names in --from and mounts', () => {
  const originsOf = async (source: string, asked: Asked = {}) => {
    const { sketch, stages } = await planned(source, { target: 'last', ...asked });
    const steps = stages.get(sketch.outline.target.index)?.steps ?? [];
    return steps.flatMap(({ operation }): readonly object[] => {
      if (operation?.kind === 'copy') return [operation.origin];
      return operation?.kind === 'run' ? operation.mounts : [];
    });
  };

  test('have the variables of the stage, of those below it, and global ones', async () => {
    const source = text(
      'ARG KIND=dev',
      'FROM scratch AS from-dev',
      'FROM scratch AS from-prod',
      'FROM scratch AS below',
      'ARG WHICH=prod',
      'ENV NAME=from-$WHICH',
      'FROM below AS last',
      'COPY --from=from-$KIND a b',
      'COPY --from=$NAME a b',
      'ARG KIND=prod',
      'COPY --from=from-${KIND} a b',
      'COPY --from=0 a b',
      'COPY --from=other/image:$WHICH a b',
      'RUN --mount=type=bind,from=${NAME},source=/$WHICH,target=/m x',
    );
    expect(await originsOf(source)).toMatchObject([
      { kind: 'stage', stage: 0 },
      { kind: 'stage', stage: 1 },
      { kind: 'stage', stage: 1 },
      { kind: 'stage', stage: 0 },
      { kind: 'image', reference: 'other/image:prod' },
      { kind: 'bind', from: 'from-prod', source: '/prod', target: '/m' },
    ]);
    expect((await originsOf(source, { args: { KIND: 'prod' } }))[0]).toEqual({ kind: 'stage', stage: 1 });
  });

  test('a variable brings no field to a mount', async () => {
    const source = text('FROM scratch AS last', 'ARG T=/x,from=evil', 'RUN --mount=type=bind,target=$T x');
    expect(await originsOf(source)).toMatchObject([{ target: '/x,from=evil', from: undefined }]);
  });

  test('ONBUILD of a stage names stages where it is used', async () => {
    const source = text(
      'FROM scratch AS base',
      'ONBUILD COPY --from=assets /a /a',
      'ONBUILD RUN <<EOF',
      'echo $x',
      'EOF',
      'FROM scratch AS assets',
      'FROM base AS last',
      'LABEL own=1',
    );
    const { sketch, stages } = await planned(source, { target: 'last' });
    expect(sketch.outline.needed.map(({ name }) => name)).toEqual(['base', 'assets', 'last']);
    expect(stages.get(2)?.steps.map(({ createdBy }) => createdBy)).toEqual([
      'COPY /a /a # buildkit',
      'RUN /bin/sh -c echo $x\n # buildkit',
      'LABEL own=1',
    ]);
  });

  test.each([
    [
      'COPY --from=later a b\nFROM scratch AS later',
      'cannot copy from stage "later", it needs to be defined before current stage',
    ],
    ['COPY --from=self a b', 'cannot copy from stage "self"'],
    ['COPY --from=9 a b', 'invalid stage index 9'],
    ['COPY --from=$NOTHING a b', 'names nothing in stage self'],
    ['RUN --mount=type=bind,from=later,target=/x y\nFROM scratch AS later', 'cannot copy from stage "later"'],
  ])('%s is refused with its place', async (line, message) => {
    const source = text('FROM scratch AS self', ...line.split('\n'));
    await expect(planned(source)).rejects.toThrow(message);
    await expect(planned(source)).rejects.toThrow(/Dockerfile:2\n/u);
  });
});

describe('variables', () => {
  const environment = async (source: string, args: Readonly<Record<string, string>> = {}) => {
    const { sketch, stages } = await planned(source, { args, target: '' });
    const stage = stages.get(sketch.outline.target.index);
    const run = stage?.steps.findLast(({ operation }) => operation?.kind === 'run');
    const env = run?.operation?.kind === 'run' ? run.operation.env : new Map<string, string>();
    return { env: Object.fromEntries(env), history: run?.createdBy, config: stage?.config.Env };
  };

  test('the later of ARG and ENV counts for commands, ENV alone for the image', async () => {
    const { env, config } = await environment(
      text('FROM scratch', 'ENV A=env', 'ARG A=arg', 'ARG B=arg', 'ENV B=env', 'RUN x'),
    );
    expect(env).toMatchObject({ A: 'arg', B: 'env' });
    expect(config).toEqual(expect.arrayContaining(['A=env', 'B=env']));
  });

  test('history names declared arguments in their order, also without a value', async () => {
    const source = text('ARG G=global', 'FROM scratch', 'ARG Z=1', 'ARG NONE', 'ARG G', 'RUN x');
    expect((await environment(source, { Z: '2' })).history).toBe(
      'RUN |3 Z=2 NONE= G=global /bin/sh -c x # buildkit',
    );
  });

  test('predefined arguments', async () => {
    const source = text(
      'FROM scratch AS tail',
      'ARG TARGETARCH TARGETSTAGE BUILDOS SOURCE_DATE_EPOCH',
      'RUN x',
    );
    const { env } = await environment(source, { SOURCE_DATE_EPOCH: '5', TARGETARCH: 'odd' });
    expect(env).toMatchObject({
      TARGETARCH: 'odd',
      TARGETSTAGE: 'tail',
      BUILDOS: 'linux',
      SOURCE_DATE_EPOCH: '5',
    });
  });
});
