import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

/** What a test run came to; written as JSON to the file named by LADE_TEST_RESULT. */
export interface TestCount {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly { readonly name: string; readonly why: string | undefined }[];
}

/** Conditions of whole groups stand in their names: `a full disk (needs root)`. */
const needOf = (name: string): string | undefined => /\((needs [^)]+)\)/.exec(name)?.[1];

const count = (modules: readonly TestModule[]): TestCount => {
  const cases = modules.flatMap((module) => [...module.children.allTests()]);
  const skipped = cases.flatMap((test) => {
    const result = test.result();
    return result.state === 'skipped'
      ? [
          {
            name: `${test.module.relativeModuleId}: ${test.fullName}`,
            why: result.note ?? needOf(test.fullName),
          },
        ]
      : [];
  });
  const broken = modules.filter((module) => module.state() === 'failed' && module.errors().length > 0);
  return {
    passed: cases.filter((test) => test.result().state === 'passed').length,
    failed: cases.filter((test) => test.result().state === 'failed').length + broken.length,
    skipped,
  };
};

/** Counts tests for tools/test.ts; a module that could not be loaded is a failure. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const file = process.env['LADE_TEST_RESULT'];
    if (file === undefined) return;
    const counted = count(modules);
    writeFileSync(file, JSON.stringify({ ...counted, failed: counted.failed + errors.length }));
  }
}
