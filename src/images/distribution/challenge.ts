/** How a registry wants callers to prove themselves. */
export type Challenge =
  | { readonly kind: 'basic'; readonly realm: string }
  | {
      readonly kind: 'bearer';
      readonly realm: string;
      readonly service: string | undefined;
      readonly scope: string | undefined;
    };

const PARAMETER = /\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))\s*,?/y;

const parametersFrom = (
  text: string,
  start: number,
): { readonly values: Map<string, string>; readonly end: number } => {
  const values = new Map<string, string>();
  let end = start;
  for (;;) {
    PARAMETER.lastIndex = end;
    const match = PARAMETER.exec(text);
    if (match === null) return { values, end };
    const [whole, name = '', quoted, bare = ''] = match;
    values.set(name.toLowerCase(), quoted === undefined ? bare : quoted.replaceAll(/\\(.)/g, '$1'));
    end += whole.length;
  }
};

const challengeOf = (scheme: string, values: ReadonlyMap<string, string>): Challenge | undefined => {
  const realm = values.get('realm') ?? '';
  if (scheme === 'basic') return { kind: 'basic', realm };
  if (scheme !== 'bearer' || !URL.canParse(realm)) return undefined;
  return { kind: 'bearer', realm, service: values.get('service'), scope: values.get('scope') };
};

/** Reads one WWW-Authenticate header (RFC 9110 11.6.1), which may hold several challenges; unknown schemes are left out. */
export const parseChallenges = (header: string): readonly Challenge[] => {
  const found: Challenge[] = [];
  const scheme = /[\s,]*([A-Za-z][\w-]*)(?=[\s,]|$)\s*/y;
  let position = 0;
  for (;;) {
    scheme.lastIndex = position;
    const match = scheme.exec(header);
    if (match === null) return found;
    const { values, end } = parametersFrom(header, scheme.lastIndex);
    const challenge = challengeOf((match[1] ?? '').toLowerCase(), values);
    if (challenge !== undefined) found.push(challenge);
    position = end;
  }
};
