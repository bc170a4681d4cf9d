export { ERROR_KINDS, LadeError, isLadeError, type ErrorKind } from './lade-error.ts';
export { defineErrors, type ErrorEntry, type ErrorFactory } from './catalogue.ts';
export { toLadeError, systemErrors } from './translate.ts';
