export { conformanceChecks, runConformance } from './suite.ts';
export { conformanceErrors } from './errors.ts';
export type { CheckResult, ConformanceOptions, Level, Outcome } from './types.ts';
