/** Version of the command line; it is the package's (a test compares them). */
export const CLI_VERSION = '0.1.0';

export const versionLine = (): string => `Lade version ${CLI_VERSION}\n`;
