import { defaultSeccompProfile, type SeccompInput, type SeccompProfile } from '#runtime';
import { engineErrors } from './errors.ts';

export interface SecurityChoice {
  readonly seccomp: SeccompInput;
  readonly noNewPrivileges: boolean;
  /** `systempaths=unconfined`: nothing of /proc and /sys is hidden. */
  readonly allPaths: boolean;
}

const parseProfile = (text: string): SeccompInput => {
  if (text === 'unconfined') return { kind: 'unconfined' };
  if (text === 'builtin' || text === '') return { kind: 'profile', profile: defaultSeccompProfile };
  try {
    const profile = JSON.parse(text) as SeccompProfile;
    if (typeof profile.defaultAction !== 'string') throw new Error('it has no defaultAction');
    return { kind: 'profile', profile: { ...profile, syscalls: profile.syscalls ?? [] } };
  } catch (error) {
    throw engineErrors.invalidConfig(
      {
        reason: `Decoding seccomp profile failed: ${error instanceof Error ? error.message : String(error)}`,
      },
      error,
    );
  }
};

const apply = (choice: SecurityChoice, option: string): SecurityChoice => {
  const [, key = option, value = ''] = /^([^=:]+)(?:[=:](.*))?$/s.exec(option) ?? [];
  switch (key) {
    case 'seccomp':
      return { ...choice, seccomp: parseProfile(value) };
    case 'no-new-privileges':
      return { ...choice, noNewPrivileges: value !== 'false' };
    case 'systempaths':
      if (value === 'unconfined') return { ...choice, allPaths: true };
      break;
    case 'apparmor':
    case 'label':
      if (value === 'unconfined' || value === 'disable') return choice;
      break;
  }
  throw engineErrors.unsupportedOption({ option: `--security-opt ${option}` });
};

/** `--security-opt` values: seccomp (a profile's text), no-new-privileges, systempaths. */
export const parseSecurityOptions = (options: readonly string[] | null | undefined): SecurityChoice =>
  (options ?? []).reduce(apply, { seccomp: { kind: 'default' }, noNewPrivileges: false, allPaths: false });
