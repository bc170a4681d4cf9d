import type { EventAnswer, Filters } from '#api';
import type { EngineEvent } from '#engine';
import { createChannel, type Emit, type Subscription } from '#events';

const KEPT = 1000;

/** The daemon's events: what happens now, and the last thousand of what happened. */
export interface EventLog {
  readonly emit: Emit<EngineEvent>;
  subscribe(subscriber: Emit<EngineEvent>): Subscription;
  recent(): readonly EngineEvent[];
}

export const createEventLog = (): EventLog => {
  const channel = createChannel<EngineEvent>();
  const kept: EngineEvent[] = [];
  return {
    emit(event) {
      kept.push(event);
      if (kept.length > KEPT) kept.shift();
      channel.emit(event);
    },
    subscribe: (subscriber) => channel.subscribe(subscriber),
    recent: () => [...kept],
  };
};

/** The time of this moment as events carry it. */
export const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n);

/** One line of GET /events. `timeNano` has more digits than a JavaScript number, so it is written as text. */
export const eventLine = (event: EngineEvent): string => {
  const answer: Omit<EventAnswer, 'timeNano'> = {
    ...(event.type === 'container' || event.type === 'image'
      ? { status: event.action, id: event.actor.id, from: event.actor.attributes['image'] }
      : {}),
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.actor.id, Attributes: event.actor.attributes },
    scope: 'local',
    time: Number(event.timeNs / 1_000_000_000n),
  };
  return `${JSON.stringify(answer).slice(0, -1)},"timeNano":${event.timeNs}}`;
};

const named = (event: EngineEvent, type: string, value: string): boolean => {
  const { id, attributes } = event.actor;
  if (event.type === type && (id === value || attributes['name'] === value || id.startsWith(value)))
    return true;
  return attributes[type] === value;
};

const sameImage = (known: string | undefined, value: string): boolean =>
  known !== undefined && (known === value || known.replace(/:[^:/]+$/, '') === value);

type Test = (event: EngineEvent, value: string) => boolean;

const TESTS: Readonly<Record<string, Test>> = {
  container: (event, value) => named(event, 'container', value),
  image: (event, value) => named(event, 'image', value) || sameImage(event.actor.attributes['image'], value),
  volume: (event, value) => named(event, 'volume', value),
  network: (event, value) => named(event, 'network', value),
  type: (event, value) => event.type === value,
  event: (event, value) => event.action === value || event.action.startsWith(`${value}: `),
  label: (event, value) => {
    const at = value.indexOf('=');
    const { attributes } = event.actor;
    return at === -1 ? value in attributes : attributes[value.slice(0, at)] === value.slice(at + 1);
  },
  scope: (_event, value) => value === 'local',
  daemon: () => true,
};

export const EVENT_FILTERS = Object.keys(TESTS);

/** Docker's rule: labels must all fit, of any other key one value. */
export const eventMatches = (event: EngineEvent, filters: Filters): boolean =>
  Object.entries(filters).every(([key, values]) => {
    const test = TESTS[key];
    if (test === undefined || values.length === 0) return true;
    return key === 'label'
      ? values.every((value) => test(event, value))
      : values.some((value) => test(event, value));
  });
