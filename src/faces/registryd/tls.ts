import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { HttpServer, ServerTls } from '#http';
import type { Logger } from 'pino';
import { registrydErrors } from './errors.ts';
import type { RegistrySettings } from './settings.ts';

type TlsSettings = NonNullable<RegistrySettings['tls']>;

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const read = async (path: string): Promise<Buffer> => {
  try {
    return await readFile(path);
  } catch (error) {
    throw registrydErrors.tlsUnusable({ path, reason: reasonOf(error) }, error);
  }
};

const parseCertificate = (path: string, bytes: Buffer): X509Certificate => {
  try {
    return new X509Certificate(bytes);
  } catch (error) {
    throw registrydErrors.tlsUnusable({ path, reason: reasonOf(error) }, error);
  }
};

/** The material for a server, and what the certificate says. */
export interface TlsMaterial {
  readonly tls: ServerTls;
  readonly certificate: X509Certificate;
}

/** Reads certificate and key. @throws REGISTRYD_TLS_UNUSABLE when a file cannot be read, or they do not fit */
export const readTls = async (settings: TlsSettings): Promise<TlsMaterial> => {
  const { clientCa, clientCertificates, minVersion } = settings;
  const cert = await read(settings.certificate);
  const key = await read(settings.key);
  const ca = clientCa === undefined ? undefined : await read(clientCa);
  const certificate = parseCertificate(settings.certificate, cert);
  try {
    createSecureContext({ cert, key, ca });
  } catch (error) {
    throw registrydErrors.tlsUnusable({ path: settings.key, reason: reasonOf(error) }, error);
  }
  return {
    tls: { cert, key, clientCa: ca, clientCertificates, minVersion },
    certificate,
  };
};

const pathsOf = ({ certificate, key, clientCa }: TlsSettings): readonly string[] =>
  clientCa === undefined ? [certificate, key] : [certificate, key, clientCa];

/** Changes whenever one of the files is another one, also behind symbolic links as orchestrators mount them. */
const fingerprint = async (settings: TlsSettings): Promise<string> => {
  const states = await Promise.all(
    pathsOf(settings).map((path) => stat(path, { bigint: true }).catch(() => undefined)),
  );
  return states
    .map((state) => (state === undefined ? '-' : `${state.ino}:${state.mtimeNs}:${state.size}`))
    .join(' ');
};

/** Looks for changes this often: file systems that do not tell of changes are common in containers. */
const POLL_MS = 5_000;

/** Gives new connections the certificate that the files hold now. */
export interface TlsReloader extends Disposable {
  reload(): Promise<void>;
}

/** Reads the files again when they change, and when told to; what does not fit is logged, and the old stays. */
export const watchTls = async (
  settings: TlsSettings,
  server: HttpServer,
  log: Logger,
): Promise<TlsReloader> => {
  let last = await fingerprint(settings);
  const reload = async (): Promise<void> => {
    try {
      const { tls, certificate } = await readTls(settings);
      server.replaceTls(tls);
      const { subject, validTo } = certificate;
      log.info({ subject, validTo }, 'certificate read');
    } catch (error) {
      log.error({ err: error }, 'the new certificate cannot be used; the old one stays');
    }
  };
  const look = async (): Promise<void> => {
    const now = await fingerprint(settings);
    if (now === last) return;
    last = now;
    await reload();
  };
  const timer = setInterval(() => void look(), POLL_MS).unref();
  return { reload, [Symbol.dispose]: () => clearInterval(timer) };
};
