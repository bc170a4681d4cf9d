import { constants } from 'node:os';
import { engineErrors } from './errors.ts';

const REALTIME_MIN = 34;
const REALTIME_MAX = 64;

/** Real-time signals count from SIGRTMIN up or SIGRTMAX down. */
const realtimeNumber = (name: string): number | undefined => {
  const match = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (match === null) return undefined;
  const [, base, sign, digits = '0'] = match;
  const from = base === 'MIN' ? REALTIME_MIN : REALTIME_MAX;
  const number = sign === '-' ? from - Number(digits) : from + Number(digits);
  return number >= REALTIME_MIN && number <= REALTIME_MAX ? number : undefined;
};

/** A signal's number from its number or name, with or without SIG, in any case. */
export const signalNumber = (text: string): number => {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number >= 1 && number <= REALTIME_MAX) return number;
    throw engineErrors.invalidSignal({ signal: text });
  }
  const name = text.toUpperCase().replace(/^SIG/, '');
  const known = Object.entries(constants.signals).find(([signal]) => signal === `SIG${name}`)?.[1];
  const number = known ?? realtimeNumber(name);
  if (number === undefined) throw engineErrors.invalidSignal({ signal: text });
  return number;
};
