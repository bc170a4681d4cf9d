import type { DockerClient } from '#client';
import { containerPath } from './paths.ts';

const PROXIED = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGTERM',
  'SIGCONT',
  'SIGWINCH',
] as const;

/** After so many, the person means us and not the container. */
const PATIENCE = 3;

/** Hands every signal that we get on to the container, until disposed. */
export const proxySignals = (client: DockerClient, container: string): Disposable => {
  let interrupts = 0;
  const listeners = PROXIED.map((signal) => {
    const listener = (): void => {
      if (signal === 'SIGINT' || signal === 'SIGTERM') interrupts += 1;
      if (interrupts > PATIENCE) process.exit(signal === 'SIGTERM' ? 143 : 130);
      const path = containerPath(container, '/kill');
      client.json({ method: 'POST', path, query: { signal } }).catch(() => undefined);
    };
    process.on(signal, listener);
    return { signal, listener };
  });
  return {
    [Symbol.dispose]() {
      for (const { signal, listener } of listeners) process.off(signal, listener);
    },
  };
};
