import { createConnection } from 'node:net';

export type Probe = 'open' | 'closed' | 'forbidden';

/** Whether something listens at a unix socket. */
export const probe = (path: string): Promise<Probe> =>
  new Promise((resolve) => {
    const socket = createConnection({ path });
    const finish = (result: Probe): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => finish('open'));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'EACCES' || error.code === 'EPERM' ? 'forbidden' : 'closed'),
    );
  });
