import { describe, expect, test } from 'vitest';
import { describeConformance, type Ran } from './testing/conformance.ts';
import { checkForms, formsHere, machineMountsErofs, mountsErofs } from './testing/forms.ts';
import { tmpdir } from 'node:os';
import type { BackendName } from './types.ts';

const ran: Ran = new Set();

describe.each(formsHere())('%s', (backend) => describeConformance(backend, ran));

describe('the check that the suite ran on every form', () => {
  const both = new Set<BackendName>(['erofs', 'directories']);
  test.each<[string, ReadonlySet<BackendName>, boolean, boolean]>([
    ['both forms ran', both, true, true],
    ['EROFS cannot be mounted', new Set<BackendName>(['directories']), false, true],
    ['EROFS mounts and did not run', new Set<BackendName>(['directories']), true, false],
    ['nothing ran', new Set<BackendName>(), false, false],
    ['directories did not run', new Set<BackendName>(['erofs']), true, false],
  ])('%s', (_, forms, mounts, passes) => {
    if (passes) expect(() => checkForms(forms, mounts)).not.toThrow();
    else expect(() => checkForms(forms, mounts)).toThrow(/suite/);
  });

  test('asks the kernel, not the writer of images', () => {
    expect(mountsErofs(tmpdir())).toBe(formsHere().includes('erofs'));
  });
});

// Last: the suites above have noted what they ran on.
test('the suite ran on every form that can be mounted on this machine', () => {
  checkForms(ran, machineMountsErofs());
});
