import {
  describeSettings,
  exampleSettings,
  type SettingDescription,
} from '../src/registry/settings/index.ts';
import { registrySettings } from '../src/faces/registryd/settings.ts';

const HEAD = `# Settings of the registry

One YAML file: the one that \`--config\` or \`LADE_REGISTRY_CONFIG\` names, else \`/etc/lade/registry.yaml\` if it is there.
Without a file the defaults hold. Variables win over the file, options of \`lade registry serve\` over variables.

- \`lade registry config check\` says what is wrong, with file, line, column and key.
- \`lade registry config print\` shows what is in force, secrets hidden; \`--defaults\` writes the file below.
- A variable is \`LADE_REGISTRY_\` and the key in capitals, two underscores between levels:
  \`LADE_REGISTRY_LOG__LEVEL=debug\`, \`LADE_REGISTRY_LISTEN=127.0.0.1:5000,[::1]:5000\`. Lists may be written with commas or as
  YAML. Variables that name no key are only logged: orchestrators make some of their own.
- Durations are written \`30s\`, \`1h30m\` or \`14d\`; sizes \`512MiB\` or \`50GiB\`. A secret is the text itself, or
  \`{ file: /run/secrets/name }\`.
- SIGHUP reads file and variables again. What is wrong then changes nothing, and is logged. A change of \`root\`, \`listen\`,
  \`insecure\`, \`drain\`, \`tls\`, \`trustedProxies\`, \`metrics\`, \`health\`, \`limits\` or \`upstreams\` needs a restart; the files that \`tls\` names are
  read again whenever they change.

This page is written by \`node tools/check-docs.ts --write\` from the schemas in the rooms' \`settings.ts\`.

## Every key

`;

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const row = ({ key, standard, description }: SettingDescription): string =>
  `| \`${key}\` | ${standard === '' ? '' : `\`${cell(standard)}\``} | ${cell(description)} |`;

/** docs/registry-settings.md as the schema has it. */
export const settingsPage = (): string =>
  `${HEAD}| key | default | meaning |\n| --- | --- | --- |\n${describeSettings(registrySettings).map(row).join('\n')}

## A file with every key

\`\`\`yaml
${exampleSettings(registrySettings)}\`\`\`
`;
