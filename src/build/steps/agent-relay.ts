import { connect, type Socket } from 'node:net';

/** Longest message that either side may send; OpenSSH's own limit. */
const MAX_MESSAGE = 256 * 1024;
const HEADER = 4;
const REQUEST_IDENTITIES = 11;
const SIGN_REQUEST = 13;
const FAILURE = Buffer.from([0, 0, 0, 1, 5]);

/** Messages of the agent protocol, with their length in front; ends at one that is too long. */
async function* messages(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let held = Buffer.alloc(0);
  for await (const chunk of stream) {
    held = Buffer.concat([held, chunk]);
    while (held.length >= HEADER) {
      const length = HEADER + held.readUInt32BE(0);
      if (length > MAX_MESSAGE || length === HEADER) return;
      if (held.length < length) break;
      yield held.subarray(0, length);
      held = held.subarray(length);
    }
  }
}

const send = (socket: Socket, data: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.write(data, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });

/**
 * Hands requests of one client on to an SSH agent: to list keys and to sign. Whatever would change the agent (add,
 * remove, lock) is answered with a failure, so that a build step cannot.
 */
export const relayAgent = async (client: Socket, agentSocket: string): Promise<void> => {
  const agent = connect(agentSocket);
  const failed = (): void => {
    client.destroy();
    agent.destroy();
  };
  agent.once('error', failed);
  client.once('error', failed);
  const answers = messages(agent);
  try {
    for await (const request of messages(client)) {
      const kind = request[HEADER];
      if (kind !== REQUEST_IDENTITIES && kind !== SIGN_REQUEST) {
        await send(client, FAILURE);
        continue;
      }
      await send(agent, request);
      const answer = await answers.next();
      if (answer.done === true) break;
      await send(client, answer.value);
    }
  } catch {
    // One side is gone; so is the other below.
  } finally {
    failed();
  }
};
