/** What a line of the live view is about. */
export type BuildTone = 'done' | 'failed' | 'cancelled' | 'warning';

/** Wraps a line in the colour of its tone. */
export type Paint = (tone: BuildTone, text: string) => string;

const NAMED: Readonly<Record<string, string>> = {
  black: '30',
  red: '31',
  green: '32',
  yellow: '33',
  blue: '34',
  magenta: '35',
  cyan: '36',
  white: '37',
  'light-black': '90',
  'light-red': '91',
  'light-green': '92',
  'light-yellow': '93',
  'light-blue': '94',
  'light-magenta': '95',
  'light-cyan': '96',
  'light-white': '97',
};

/** Tones by the names that BUILDKIT_COLORS has for them. */
const TONES: Readonly<Record<string, BuildTone>> = {
  run: 'done',
  error: 'failed',
  cancel: 'cancelled',
  warning: 'warning',
};

const DEFAULTS: Readonly<Record<BuildTone, string>> = {
  done: '34',
  failed: '31',
  cancelled: '33',
  warning: '33',
};

/** Parameters of SGR for a colour's name or `r,g,b`; undefined for anything else. */
const codeOf = (colour: string): string | undefined => {
  const [red, green, blue] = /^(\d{1,3}),(\d{1,3}),(\d{1,3})$/.exec(colour)?.slice(1).map(Number) ?? [];
  if (red !== undefined && green !== undefined && blue !== undefined)
    return [red, green, blue].every((part) => part < 256) ? `38;2;${red};${green};${blue}` : undefined;
  return Object.hasOwn(NAMED, colour) ? NAMED[colour] : undefined;
};

/** Colours as BUILDKIT_COLORS names them (`run=green:error=255,0,0`); without it none where NO_COLOR is set. */
export const buildPaint = (env: Readonly<Record<string, string | undefined>>): Paint => {
  const wanted = env['BUILDKIT_COLORS'] ?? '';
  if (wanted === '' && (env['NO_COLOR'] ?? '') !== '') return (_tone, text) => text;
  const codes: Record<BuildTone, string> = { ...DEFAULTS };
  for (const field of wanted.split(':')) {
    const [name = '', colour = ''] = field.split('=', 2);
    const [tone, code] = [TONES[name.toLowerCase()], codeOf(colour.toLowerCase())];
    if (tone !== undefined && code !== undefined) codes[tone] = code;
  }
  return (tone, text) => `\u001B[${codes[tone]}m${text}\u001B[0m`;
};
