import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { ClientCertificate } from '#access';

/** What is known of a request beyond its bytes; whoever receives requests states it before anybody looks. */
export interface RequestFacts {
  /** Names the request in logs, the journal, events and answers. */
  readonly id: string;
  /** Address of the client: of the peer, or what a trusted proxy says. Undefined on a unix socket. */
  readonly address: string | undefined;
  /** Whether the client speaks TLS, with this program or with a trusted proxy. */
  readonly secure: boolean;
  readonly certificate: ClientCertificate | undefined;
  /** Name of the caller, once known. */
  caller: string | undefined;
}

const known = new WeakMap<IncomingMessage, RequestFacts>();

const ID_BYTES = 12;

/** A new id for a request. */
export const makeRequestId = (): string => randomBytes(ID_BYTES).toString('hex');

/** States the facts of a request. */
export const stateFacts = (request: IncomingMessage, facts: RequestFacts): void =>
  void known.set(request, facts);

/** The facts of a request; those of the connection where nobody stated any. */
export const factsOf = (request: IncomingMessage): RequestFacts => {
  const stated = known.get(request);
  if (stated !== undefined) return stated;
  const facts: RequestFacts = {
    id: makeRequestId(),
    address: request.socket.remoteAddress,
    secure: 'encrypted' in request.socket,
    certificate: undefined,
    caller: undefined,
  };
  known.set(request, facts);
  return facts;
};
