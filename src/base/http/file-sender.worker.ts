import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { acknowledgeWake, closeDescriptor, createPoller, sendFile } from '#sys';
import type { SenderAnswer, SenderData, SenderMessage } from './file-sender.ts';
import type { FileRegion } from './types.ts';

/** One client gets so much before the next one's turn. */
const TURN = 1024 * 1024;
/** Longest wait in the kernel: a process that ends waits for its threads. */
const WAIT_MS = 100;

interface Sending {
  readonly id: number;
  readonly socket: number;
  readonly region: FileRegion;
  position: number;
}

const { wakeDescriptor } = workerData as SenderData;
const poller = createPoller();
poller.add(wakeDescriptor, 'readable');
/** By socket. */
const sendings = new Map<number, Sending>();
let ended = false;

const finish = ({ id, socket, position, region }: Sending): void => {
  if (sendings.delete(socket)) poller.remove(socket);
  closeDescriptor(socket);
  parentPort?.postMessage({ id, complete: position === region.end } satisfies SenderAnswer, []);
};

/** What cannot be sent shows as what is not complete: the client is gone, or the file is shorter than it was. */
const takeTurn = (sending: Sending): void => {
  const { region, position, socket } = sending;
  try {
    const count = Math.min(TURN, region.end - position);
    const sent = sendFile(socket, region.fd, { start: position, count });
    if (sent === undefined) return finish(sending);
    sending.position += sent;
    if (sending.position === region.end) finish(sending);
  } catch {
    finish(sending);
  }
};

const begin = ({ id, socket, region }: Extract<SenderMessage, { readonly kind: 'send' }>): void => {
  const sending = { id, socket, region, position: region.start };
  try {
    poller.add(socket, 'writable');
    sendings.set(socket, sending);
  } catch {
    finish(sending);
  }
};

const accept = (message: SenderMessage): void => {
  if (message.kind === 'send') begin(message);
  if (message.kind === 'end') ended = true;
  if (message.kind !== 'cancel') return;
  for (const sending of sendings.values()) if (sending.id === message.id) finish(sending);
};

const acceptWaiting = (): void => {
  acknowledgeWake(wakeDescriptor);
  if (parentPort === null) return;
  for (let got = receiveMessageOnPort(parentPort); got !== undefined; got = receiveMessageOnPort(parentPort))
    accept(got.message as SenderMessage);
};

const serve = (): void => {
  while (sendings.size > 0) {
    for (const fd of poller.wait(WAIT_MS)) {
      if (fd === wakeDescriptor) acceptWaiting();
      else {
        const sending = sendings.get(fd);
        if (sending !== undefined) takeTurn(sending);
      }
    }
  }
};

/** Without sendings the thread waits in its event loop, where it can be told to end. */
parentPort?.on('message', (message: SenderMessage) => {
  accept(message);
  serve();
  if (!ended) return;
  poller[Symbol.dispose]();
  parentPort?.close();
});
