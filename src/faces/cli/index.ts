export { dispatch } from './dispatch.ts';
export { cliErrors } from './errors.ts';
