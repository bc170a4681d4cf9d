import { createChannel, type Channel } from '#events';
import type { ExitStatus } from '#runtime';
import type { ContainerRecord } from './record.ts';
import { createSerialQueue, type SerialQueue } from './serial-queue.ts';

export type LifeEvent =
  | { readonly kind: 'exited'; readonly exit: ExitStatus; readonly restarting: boolean }
  | { readonly kind: 'removed' }
  /** A planned restart was called off. */
  | { readonly kind: 'settled' };

/** A container in memory: its record and what belongs to this process's watch over it. */
export interface Container {
  readonly id: string;
  /** Replaced as a whole by `ContainerTable.save`. */
  record: ContainerRecord;
  /** Whatever changes its state runs here, one after another. */
  readonly queue: SerialQueue;
  readonly life: Channel<LifeEvent>;
  /** Called between creation and start of the process: attachments that came before. */
  readonly beforeStart: Set<() => Promise<void>>;
  /** Uses of the mounted root file system beside the processes. */
  rootUsers: number;
  health: Disposable | undefined;
  restart: { readonly timer: NodeJS.Timeout | undefined; readonly delayMs: number } | undefined;
  removing: boolean;
}

export const createContainer = (record: ContainerRecord): Container => ({
  id: record.id,
  record,
  queue: createSerialQueue(),
  life: createChannel(),
  beforeStart: new Set(),
  rootUsers: 0,
  health: undefined,
  restart: undefined,
  removing: false,
});

/** The first event that `select` accepts; rejects with the signal's reason. */
export const nextLifeEvent = <T>(
  container: Container,
  select: (event: LifeEvent) => T | undefined,
  signal?: AbortSignal,
): Promise<T> =>
  new Promise((resolve, reject) => {
    const subscription = container.life.subscribe((event) => {
      const selected = select(event);
      if (selected !== undefined) finish(() => resolve(selected));
    });
    const onAbort = (): void => finish(() => reject(signal?.reason as Error));
    const finish = (act: () => void): void => {
      subscription[Symbol.dispose]();
      signal?.removeEventListener('abort', onAbort);
      act();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
