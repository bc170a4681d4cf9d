export { collect, type CollectResult, type CollectTimes } from './collect.ts';
