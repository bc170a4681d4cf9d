import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';
import { askSecret, readAll } from './prompts.ts';

/** The flag of verbs that take a password; there is none that holds it, because arguments are seen by everybody. */
export const passwordFlags = {
  'password-stdin': { kind: 'bool', help: 'Take the password from stdin' },
} as const;

/** A new password: from stdin, or typed twice. */
export const newPassword = async (cli: Cli, fromStdin: boolean): Promise<string> => {
  if (fromStdin) return (await readAll(cli.stdin)).replace(/\r?\n$/, '');
  const password = await askSecret(cli, 'New password: ');
  if ((await askSecret(cli, 'Once more: ')) === password) return password;
  throw cliErrors.argumentInvalid({
    problem: 'the passwords differ',
    advice: 'type the same one twice',
  });
};

/** One's own old password and a new one: two lines of stdin, or typed. */
export const changedPassword = async (
  cli: Cli,
  fromStdin: boolean,
): Promise<{ readonly oldPassword: string; readonly password: string }> => {
  if (!fromStdin) {
    const oldPassword = await askSecret(cli, 'Old password: ');
    return { oldPassword, password: await newPassword(cli, false) };
  }
  const [oldPassword = '', password] = (await readAll(cli.stdin)).split(/\r?\n/);
  if (password !== undefined && password !== '') return { oldPassword, password };
  throw cliErrors.argumentInvalid({
    problem: 'stdin has no second line',
    advice: 'write the old password on the first line, and the new one on the second',
  });
};
