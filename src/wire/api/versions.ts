import { apiErrors } from './errors.ts';

/** The newest version of the Docker Engine API that is spoken. */
export const API_VERSION = '1.51';
/** The oldest one that is accepted. */
export const MIN_API_VERSION = '1.24';

const minorOf = (version: string): number => Number(version.split('.')[1]);

/** Negative, zero or positive as `a` is older than, equal to or newer than `b`; both `major.minor`. */
export const compareApiVersions = (a: string, b: string): number =>
  Number(a.split('.')[0]) - Number(b.split('.')[0]) || minorOf(a) - minorOf(b);

/** Checks the version of a request's path (`1.43`); throws Docker's own sentence when it is out of range. */
export const checkApiVersion = (version: string): string => {
  if (compareApiVersions(version, API_VERSION) > 0)
    throw apiErrors.versionTooNew({ version, maximum: API_VERSION });
  if (compareApiVersions(version, MIN_API_VERSION) < 0)
    throw apiErrors.versionTooOld({ version, minimum: MIN_API_VERSION });
  return version;
};

/** Version of Lade: the one in package.json (a bundle has none beside it; a test compares them). */
export const LADE_VERSION = '0.1.0';
