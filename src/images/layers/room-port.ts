import { MessageChannel, type MessagePort } from 'node:worker_threads';

/** What a worker needs to ask for room when the disk is full. It blocks meanwhile: it writes without waiting. */
export interface RoomRequest {
  readonly port: MessagePort;
  /** 0 while there is no answer, 1 for room, 2 for none. */
  readonly answer: Int32Array<SharedArrayBuffer>;
}

/** The side that answers. */
export interface RoomPort extends Disposable {
  /** Its port is to be transferred to the worker. */
  readonly request: RoomRequest;
}

const LONGEST_WAIT_MS = 60_000;

export const serveRoom = (makeRoom: () => Promise<boolean>): RoomPort => {
  const { port1, port2 } = new MessageChannel();
  const answer = new Int32Array(new SharedArrayBuffer(4));
  const reply = async (): Promise<void> => {
    const made = await makeRoom().catch(() => false);
    Atomics.store(answer, 0, made ? 1 : 2);
    Atomics.notify(answer, 0);
  };
  port1.on('message', () => void reply());
  return { request: { port: port2, answer }, [Symbol.dispose]: () => port1.close() };
};

/** Asks in the worker, and waits; whether there is room now. */
export const askForRoom = ({ port, answer }: RoomRequest): boolean => {
  Atomics.store(answer, 0, 0);
  port.postMessage('full');
  Atomics.wait(answer, 0, 0, LONGEST_WAIT_MS);
  return Atomics.load(answer, 0) === 1;
};
