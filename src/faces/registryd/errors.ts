import { defineErrors } from '#errors';

export const registrydErrors = defineErrors('registryd', {
  usage: {
    kind: 'invalid-argument',
    message: (p: { reason: string }) => p.reason,
    hint: 'see `lade registry serve --help`',
  },
  openDoor: {
    kind: 'failed-precondition',
    message: (p: { address: string; lacks: string }) =>
      `refusing to listen on ${p.address} without ${p.lacks}: whoever reaches it could read or change everything`,
    hint: 'set tls and access, or listen on 127.0.0.1; `insecure: true` (--insecure) if a proxy in front adds both',
  },
  tlsUnusable: {
    kind: 'failed-precondition',
    message: (p: { path: string; reason: string }) => `cannot use ${p.path} for TLS: ${p.reason}`,
    hint: 'tls.certificate and tls.key are PEM files that this program can read',
  },
});
