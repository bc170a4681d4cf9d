import { expect, it } from 'vitest';
import { parseDockerfile } from '#dockerfile';
import { contextNamed, overrideStages } from './override-stages.ts';

it('names match as references do, for one platform before all', () => {
  const all = { kind: 'image', reference: 'all' } as const;
  const arm = { kind: 'image', reference: 'arm' } as const;
  const contexts = { alpine: all, 'alpine::linux/arm64': arm, Base: all };
  expect(contextNamed(contexts, 'docker.io/library/alpine:latest', 'linux/amd64')).toBe(all);
  expect(contextNamed(contexts, 'alpine', 'linux/arm64')).toBe(arm);
  expect(contextNamed(contexts, 'alpine:3')).toBeUndefined();
  expect(contextNamed(contexts, 'base')).toBe(all);
  const file = parseDockerfile('FROM a AS base\nRUN x\nFROM base\n', { name: 'Dockerfile' });
  expect(overrideStages(file, contexts).stages[0]?.instructions).toEqual([]);
  expect(overrideStages(file, {})).toBe(file);
});
