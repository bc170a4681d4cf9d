import { exampleSettings, printSettings } from '#settings';
import { registrydErrors } from './errors.ts';
import { parseInvocation, settingsOf } from './options.ts';
import { refuseOpenDoors } from './open-doors.ts';
import { registrySettings } from './settings.ts';
import { readTls } from './tls.ts';

export const CONFIG_USAGE = `Usage: lade registry config check|print [OPTIONS]

Check the settings of a registry, or print those in force with secrets hidden

Options:
      --config FILE  Settings in YAML
      --defaults     Print a commented file of every key with its default
`;

type Environment = Readonly<Record<string, string | undefined>>;

/** `lade registry config check|print`: what it prints. @throws SETTINGS_INVALID, SETTINGS_UNREADABLE, REGISTRYD_USAGE */
export const runConfigVerb = async (argv: readonly string[], env: Environment): Promise<string> => {
  const [verb, ...rest] = argv;
  const invocation = parseInvocation(verb?.startsWith('-') === true ? argv : rest, env);
  if (invocation.help || verb === undefined) return CONFIG_USAGE;
  if (verb === 'print' && invocation.defaults) return exampleSettings(registrySettings);
  if (verb !== 'print' && verb !== 'check')
    throw registrydErrors.usage({ reason: `config ${verb} is unknown; there are check and print` });
  const { settings, written, unknownVariables } = await settingsOf(invocation, env);
  if (verb === 'print') return printSettings(registrySettings, written);
  refuseOpenDoors(settings);
  if (settings.tls !== undefined) await readTls(settings.tls);
  const ignored = unknownVariables.map((name) => `ignored: ${name} sets nothing\n`).join('');
  return `${ignored}${invocation.file ?? 'no file: defaults, variables and flags'}: ok\n`;
};
