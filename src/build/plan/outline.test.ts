import { describe, expect, test } from 'vitest';
import { parseDockerfile } from '#dockerfile';
import { outline } from './outline.ts';
import { globalScope, platformArgs } from './variables.ts';

describe('outline', () => {
  const given = {
    buildArgs: { V: '2' },
    automatic: platformArgs({ os: 'linux', architecture: 'amd64' }, { os: 'linux', architecture: 'arm64' }),
  };
  const outlined = (source: string, target?: string) => {
    const file = parseDockerfile(source);
    return outline(file, globalScope(file.globalArgs, given, '\\'), target);
  };
  test('finds what the target needs, by name, number and image', () => {
    const found = outlined(
      'ARG V=1\nARG B=img:$V-$TARGETARCH\nFROM $B AS a\nFROM scratch AS unused\nFROM a AS c\nCOPY --from=other/image:1 /x /\nRUN --mount=from=3,target=/m true\nFROM b\nFROM c\nCOPY --from=0 /y /\n',
    );
    expect(found.needed.map(({ index }) => index)).toEqual([0, 2, 4]);
    expect(found.stages[0]?.base).toEqual({ kind: 'image', reference: 'img:2-arm64', platform: undefined });
    expect(found.stages[4]?.base).toEqual({ kind: 'stage', stage: 2 });
    expect([...found.images.keys()]).toEqual(['other/image:1', '3']);
  });
  test('the target is a name or a number', () => {
    const source = 'FROM a AS First\nFROM b\n';
    expect(outlined(source, 'FIRST').target.index).toBe(0);
    expect(outlined(source, '1').target.index).toBe(1);
    expect(() => outlined(source, 'frist')).toThrow(/could not be found/u);
  });
});
