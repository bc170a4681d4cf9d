import { describe, expect, test } from 'vitest';
import type { ContainerConfig } from '#oci';
import { applyChanges } from './changes.ts';

const CONTAINER: ContainerConfig = {
  User: '7:8',
  Env: ['A=1'],
  Entrypoint: ['/bin/sh'],
  Cmd: ['-c', 'echo hi'],
  WorkingDir: '/w',
  Healthcheck: { Test: ['CMD-SHELL', 'true'], Interval: 5_000_000_000 },
};

/** What dockerd 20.10 makes of each. */
const CASES: readonly (readonly [lines: readonly string[], changed: ContainerConfig])[] = [
  [['CMD a b'], { Cmd: ['/bin/sh', '-c', 'a b'] }],
  [['CMD []'], { Cmd: [] }],
  [['CMD'], { Cmd: ['/bin/sh', '-c'] }],
  [['ENTRYPOINT ["x"]'], { Entrypoint: ['x'], Cmd: undefined }],
  [['ENTRYPOINT []'], {}],
  [['CMD ["z"]', 'ENTRYPOINT ["x"]'], { Entrypoint: ['x'], Cmd: ['z'] }],
  [['ENV B=3 C="x y"'], { Env: ['A=1', 'B=3', 'C=x y'] }],
  [['ENV D ${A}y'], { Env: ['A=1', 'D=1y'] }],
  [['ENV PATH=/q:$PATH'], { Env: ['A=1', 'PATH=/q:'] }],
  [['USER $A'], { User: '1' }],
  [['EXPOSE 90/UDP 91-93'], { ExposedPorts: { '90/udp': {}, '91/tcp': {}, '92/tcp': {}, '93/tcp': {} } }],
  [['WORKDIR rel', 'WORKDIR two'], { WorkingDir: '/w/rel/two' }],
  [['HEALTHCHECK NONE'], { Healthcheck: { Test: ['NONE'], Interval: 5_000_000_000 } }],
  [['VOLUME ["/c"]'], { Volumes: { '/c': {} } }],
  [['ONBUILD COPY a b'], { OnBuild: ['COPY a b'] }],
  [['LABEL "a b"=c'], { Labels: { 'a b': 'c' } }],
  [['STOPSIGNAL SIGKILL'], { StopSignal: 'SIGKILL' }],
];

describe('changes', () => {
  test.each(CASES)('%j', (lines, changed) => {
    expect(applyChanges(CONTAINER, lines)).toEqual({ ...CONTAINER, ...changed });
  });

  test.each([
    ['RUN ls', 'run is not a valid change command'],
    ['SHELL ["x"]', 'shell is not a valid change command'],
    ['BOGUS x', 'unknown instruction'],
    ['EXPOSE 99999', 'invalid containerPort: 99999'],
    ['STOPSIGNAL NOPE', 'invalid signal'],
    ['ENV x', 'ENV must have two arguments'],
    ['# a comment', 'invalid change'],
    ['ENV a="b', 'invalid change'],
  ])('%s is refused', (line, message) => {
    expect(() => applyChanges(CONTAINER, [line])).toThrow(message);
  });
});
