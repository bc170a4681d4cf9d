import { cliErrors } from './errors.ts';

export interface Restart {
  readonly Name: string;
  readonly MaximumRetryCount: number;
}

/**
 * `--restart`: `no`, `always`, `unless-stopped`, `on-failure[:max]`.
 *
 * @throws CLI_ARGUMENT_INVALID
 */
export const parseRestart = (text: string): Restart => {
  const [name = '', count, ...rest] = text.split(':');
  const invalid =
    (count !== undefined && !/^\d+$/.test(count)) || rest.length > 0 || (name === '' && count !== undefined);
  if (invalid)
    throw cliErrors.argumentInvalid({
      problem: `invalid restart policy format: ${text}`,
      advice: 'write no, always, unless-stopped or on-failure[:MAX]',
    });
  return { Name: name, MaximumRetryCount: Number(count ?? 0) };
};
