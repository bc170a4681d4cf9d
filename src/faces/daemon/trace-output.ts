import { createHash, randomUUID } from 'node:crypto';
import type { BuildEvent, BuildResult, BuildStep } from '#builder';
import {
  encodeProto,
  protoBytes,
  protoMessage,
  protoText,
  protoTime,
  protoWhole,
  type ProtoField,
  type ProtoMessage,
} from './protobuf.ts';

/** Writes one line of POST /build. */
export type WriteLine = (line: object) => void;

/** What a build of version 2 answers: BuildKit's own status messages, in base64 (moby.buildkit.v1.StatusResponse). */
export interface TraceOutput {
  show(event: BuildEvent): void;
  finish(result: BuildResult): void;
}

interface Trace {
  readonly write: WriteLine;
  /** Makes digests of this build differ from those of others. */
  readonly salt: string;
  /** When vertices began, by step. */
  readonly started: Map<string, number>;
}

const [VERTEX, STATUS, LOG, WARNING] = [1, 2, 3, 4];
const now = (): number => performance.timeOrigin + performance.now();

const digestOf = ({ salt }: Trace, id: string): string =>
  `sha256:${createHash('sha256').update(`${salt} ${id}`).digest('hex')}`;

const send = ({ write }: Trace, parts: ProtoMessage): void =>
  write({ id: 'moby.buildkit.trace', aux: encodeProto(parts).toString('base64') });

interface VertexState {
  readonly id: string;
  readonly name: string;
  readonly started?: number | undefined;
  readonly completed?: number | undefined;
  readonly cached?: boolean | undefined;
  readonly error?: string | undefined;
}

const optionalTime = (ms: number | undefined): ProtoField | undefined =>
  ms === undefined ? undefined : protoTime(ms);

const vertex = (trace: Trace, state: VertexState): ProtoField =>
  protoMessage([
    [1, protoText(digestOf(trace, state.id))],
    [3, protoText(state.name)],
    [4, protoWhole(state.cached === true ? 1 : 0)],
    [5, optionalTime(state.started)],
    [6, optionalTime(state.completed)],
    [7, protoText(state.error ?? '')],
  ]);

interface Status {
  readonly id: string;
  readonly vertex: string;
  readonly started: number;
  readonly completed?: number | undefined;
  readonly current?: number | undefined;
  readonly total?: number | undefined;
}

const status = (trace: Trace, state: Status): ProtoField =>
  protoMessage([
    [1, protoText(state.id)],
    [2, protoText(digestOf(trace, state.vertex))],
    [4, protoWhole(state.current ?? 0)],
    [5, protoWhole(state.total ?? 0)],
    [6, protoTime(now())],
    [7, protoTime(state.started)],
    [8, optionalTime(state.completed)],
  ]);

const titleOf = (step: BuildStep): string => {
  const stage = /^\d+$/.test(step.stage)
    ? step.stage === '0'
      ? ''
      : `stage-${step.stage} `
    : `${step.stage} `;
  const { index, total } = step.inStage ?? step;
  return `[${stage}${index}/${total}] ${step.name.split('\n', 1)[0] ?? ''}`;
};

const DEFINITION = 'definition';
const EXPORT = 'export';

const showStep = (trace: Trace, step: BuildStep, state: Omit<VertexState, 'id' | 'name'>): void => {
  const started = trace.started.get(step.id) ?? now();
  trace.started.set(step.id, started);
  send(trace, [[VERTEX, vertex(trace, { id: step.id, name: titleOf(step), started, ...state })]]);
};

const showLog = (trace: Trace, event: Extract<BuildEvent, { kind: 'step-log' }>): void =>
  send(trace, [
    [
      LOG,
      protoMessage([
        [1, protoText(digestOf(trace, event.step.id))],
        [2, protoTime(now())],
        [3, protoWhole(event.stream === 'stderr' ? 2 : 1)],
        [4, protoBytes(event.data)],
      ]),
    ],
  ]);

const showPull = (trace: Trace, event: Extract<BuildEvent, { kind: 'pull' }>): void => {
  if (event.step === undefined) return;
  const { current, total } = event;
  const state = {
    id: `${event.id} ${event.status}`.trim(),
    vertex: event.step.id,
    started: now(),
    current,
    total,
  };
  send(trace, [[STATUS, status(trace, state)]]);
};

const showWarning = (trace: Trace, message: string): void =>
  send(trace, [
    [
      WARNING,
      protoMessage([
        [1, protoText(digestOf(trace, DEFINITION))],
        [2, protoWhole(1)],
        [3, protoBytes(Buffer.from(message))],
      ]),
    ],
  ]);

const show = (trace: Trace, event: BuildEvent): void => {
  if ('step' in event && event.step?.kind === 'metadata') return;
  switch (event.kind) {
    case 'step-started':
      return showStep(trace, event.step, {});
    case 'step-cached':
      return showStep(trace, event.step, { cached: true, completed: now() });
    case 'step-log':
      return showLog(trace, event);
    case 'step-done':
      return showStep(trace, event.step, { completed: now() });
    case 'step-failed':
      return showStep(trace, event.step, { completed: now(), error: event.message.split('\n', 1)[0] });
    case 'step-cancelled':
      return showStep(trace, event.step, { completed: now(), error: 'context canceled' });
    case 'pull':
      return showPull(trace, event);
    case 'warning':
      return showWarning(trace, event.message);
    case 'status':
    case 'build-started':
    case 'step-kept':
      return undefined;
    default:
      return event satisfies never;
  }
};

/** The last vertex, and the line with the image's ID. */
const finish = (trace: Trace, { imageId, tags }: BuildResult): void => {
  const started = now();
  const name = 'exporting to image';
  const done = ['exporting layers', `writing image ${imageId}`, ...tags.map((tag) => `naming to ${tag}`)];
  send(trace, [[VERTEX, vertex(trace, { id: EXPORT, name, started })]]);
  for (const id of done)
    send(trace, [[STATUS, status(trace, { id, vertex: EXPORT, started, completed: now() })]]);
  trace.write({ id: 'moby.image.id', aux: { ID: imageId } });
  send(trace, [[VERTEX, vertex(trace, { id: EXPORT, name, started, completed: now() })]]);
};

/** Turns build events into the lines that BuildKit's clients read. */
export const createTraceOutput = (write: WriteLine): TraceOutput => {
  const trace: Trace = { write, salt: randomUUID(), started: new Map() };
  const started = now();
  const definition = {
    id: DEFINITION,
    name: '[internal] load build definition',
    started,
    completed: started,
  };
  send(trace, [[VERTEX, vertex(trace, definition)]]);
  return { show: (event) => show(trace, event), finish: (result) => finish(trace, result) };
};
