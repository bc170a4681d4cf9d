export { consoleErrors } from './errors.ts';
export { flagTable, type FlagKind, type FlagSpec, type FlagTable, type FlagValues } from './flags.ts';
export { parseFlags, type ParsedFlags, type ParseOptions } from './parse-flags.ts';
export { flagUsage, usageText, type Usage } from './usage.ts';
export { nearest } from './suggest.ts';
export { compileTemplate, type Template, type TemplateOptions } from './template.ts';
export { goQuote, goString } from './go-format.ts';
export { formatRows, type Row, type RowsOptions } from './rows.ts';
export { alignColumns, type TableOptions } from './table.ts';
export { binarySize, humanSize, parseBytes } from './sizes.ts';
export { ansicTime, goTime, goTimeOf, localRfc3339, requireDuration } from './durations.ts';
export { ellipsis, shortId, visible } from './visible.ts';
export {
  createTransferProgress,
  type Screen,
  type TransferLine,
  type TransferProgress,
} from './transfer-progress.ts';
export {
  createBuildProgress,
  type BuildProgress,
  type BuildProgressEvent,
  type BuildScreen,
  type BuildStepView,
} from './build-progress.ts';
export { DEFAULT_DETACH_KEYS, createDetachFilter, parseDetachKeys, type Typed } from './detach-keys.ts';
export { onResize, rawMode, terminalSize, type TerminalSize } from './terminal.ts';
export { stepTitle } from './step-title.ts';
export { buildPaint, type BuildTone, type Paint } from './build-colors.ts';
