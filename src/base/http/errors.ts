import { defineErrors } from '#errors';

/** Errors of HTTP servers and clients. */
export const httpErrors = defineErrors('http', {
  addressInUse: {
    kind: 'failed-precondition',
    message: (p: { address: string }) => `cannot listen on ${p.address}: the address is already in use`,
    hint: (p: { address: string }) =>
      `stop what listens on ${p.address}, or choose another address (port 0 takes a free one)`,
  },
  socketInUse: {
    kind: 'failed-precondition',
    message: (p: { path: string }) =>
      `cannot listen on ${p.path}: another process already serves this socket`,
    hint: 'stop that process, or choose another socket path',
  },
  socketPathTaken: {
    kind: 'failed-precondition',
    message: (p: { path: string }) => `cannot listen on ${p.path}: it exists and is not a socket`,
    hint: 'move that file away, or choose another socket path',
  },
  socketPathTooLong: {
    kind: 'invalid-argument',
    message: (p: { path: string; bytes: number }) =>
      `unix socket path has ${p.bytes} bytes, the kernel allows 107: ${p.path}`,
    hint: 'choose a shorter path',
  },
  cannotListen: {
    kind: 'failed-precondition',
    message: (p: { address: string; reason: string }) => `cannot listen on ${p.address}: ${p.reason}`,
    hint: 'check the address and whether this user may listen on it',
  },
  bodyTooLarge: {
    kind: 'invalid-argument',
    message: (p: { limit: number }) => `the request body is larger than ${p.limit} bytes`,
    hint: 'send a smaller body',
  },
  notUpgradable: {
    kind: 'internal',
    message: (p: { url: string }) =>
      `the connection of ${p.url} cannot be taken over: an answer was already begun`,
  },
  unreachable: {
    kind: 'unavailable',
    message: (p: { target: string; reason: string }) => `cannot reach ${p.target}: ${p.reason}`,
    hint: 'check that the host is up, that its name is right, and the proxy settings, then try again',
  },
  connectionLost: {
    kind: 'unavailable',
    message: (p: { target: string; reason: string }) => `the connection to ${p.target} broke: ${p.reason}`,
    hint: 'try again',
  },
  untrustedCertificate: {
    kind: 'failed-precondition',
    message: (p: { target: string; reason: string }) =>
      `the certificate of ${p.target} is not trusted: ${p.reason}`,
    hint: "add the issuer's certificate to the system's store or name it in SSL_CERT_FILE or NODE_EXTRA_CA_CERTS",
  },
  clientRefused: {
    kind: 'permission-denied',
    message: (p: { target: string; reason: string }) =>
      `${p.target} does not accept this client's certificate, or wants one: ${p.reason}`,
    hint: 'configure a client certificate and key that the server trusts',
  },
  notTls: {
    kind: 'failed-precondition',
    message: (p: { target: string; reason: string }) => `${p.target} does not speak TLS: ${p.reason}`,
    hint: 'use http for this server if it is meant to be insecure',
  },
  timedOut: {
    kind: 'timeout',
    message: (p: { target: string; reason: string }) => `${p.target} did not answer in time: ${p.reason}`,
    hint: 'check the network and try again',
  },
  targetRefused: {
    kind: 'permission-denied',
    message: (p: { target: string; address: string }) =>
      `connections to ${p.target} are refused: ${p.address} is not a public address`,
    hint: 'name the host or its range among the allowed ones if it is meant to be reached',
  },
  invalidAllowance: {
    kind: 'invalid-argument',
    message: (p: { entry: string }) =>
      `${JSON.stringify(p.entry)} is neither an address, a range such as 10.0.0.0/8, nor HOST[:PORT]`,
  },
  invalidProxy: {
    kind: 'invalid-argument',
    message: (p: { variable: string }) => `the proxy named in ${p.variable} is not a usable http(s) URL`,
    hint: (p: { variable: string }) =>
      `set ${p.variable} to something like http://proxy.example:3128, or unset it`,
  },
});
