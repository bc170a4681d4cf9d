/** Receives one event. Must not throw and must not block. */
export type Emit<E> = (event: E) => void;

/** Ends when disposed. */
export type Subscription = Disposable;

/** A typed event source with any number of subscribers. */
export interface Channel<E> {
  /** Delivers `event` to every present subscriber, in the order they subscribed, before it returns. */
  readonly emit: Emit<E>;
  subscribe(subscriber: Emit<E>): Subscription;
}

/** A channel that keeps no history: a subscriber sees what is emitted after it subscribed. */
export const createChannel = <E>(): Channel<E> => {
  const subscribers = new Set<Emit<E>>();
  return {
    emit(event) {
      for (const subscriber of subscribers) subscriber(event);
    },
    subscribe(subscriber) {
      const own: Emit<E> = (event) => subscriber(event);
      subscribers.add(own);
      return { [Symbol.dispose]: () => void subscribers.delete(own) };
    },
  };
};
