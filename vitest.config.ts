import { defineConfig } from 'vitest/config';

/** Unit tests stand beside the code; end-to-end tests stand in test/, and their files run one after another. */
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // A condition that comes is seen at once; one second is too short for a machine with two busy cores.
    expect: { poll: { timeout: 30_000, interval: 25 } },
    projects: [
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts', 'tools/**/*.test.ts'] } },
      { extends: true, test: { name: 'end-to-end', include: ['test/**/*.test.ts'], fileParallelism: false } },
    ],
  },
});
