export { byteSize, duration, listenAddress, parseHostPort, secret, type HostPort } from './values.ts';
export { readSettings, SETTINGS_PREFIX, type ReadSettings, type SettingsSources } from './read.ts';
export { describeSettings, exampleSettings, printSettings, type SettingDescription } from './print.ts';
export { settingsErrors, type SettingsProblem } from './errors.ts';
export type { Override } from './layers.ts';
