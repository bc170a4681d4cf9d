import type { TLSSocket } from 'node:tls';
import type { ClientCertificate } from '#access';

const seen = new WeakMap<TLSSocket, ClientCertificate | undefined>();

const read = (socket: TLSSocket): ClientCertificate | undefined => {
  if (!socket.authorized) return undefined;
  const { subject, subjectaltname = '' } = socket.getPeerCertificate();
  // Without a certificate the answer is an empty object, whatever its type says.
  if ((subject as unknown) === undefined) return undefined;
  const name: unknown = subject.CN;
  return {
    name: typeof name === 'string' ? name : '',
    alternatives: subjectaltname === '' ? [] : subjectaltname.split(', '),
  };
};

/** The client's certificate, if the connection has one and a trusted authority signed it. */
export const certificateOf = (socket: TLSSocket): ClientCertificate | undefined => {
  if (!seen.has(socket)) seen.set(socket, read(socket));
  return seen.get(socket);
};
