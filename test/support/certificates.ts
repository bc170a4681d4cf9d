import { writeFileSync } from 'node:fs';
import { mustRun } from './process.ts';
import type { Scratch } from './scratch.ts';

/** Files of an authority and of what it signed, in PEM. */
export interface Certificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
}

/** Makes an authority, a server's certificate for 127.0.0.1 and localhost, and a client's, by openssl. */
export const makeCertificates = async (scratch: Scratch): Promise<Certificates> => {
  const openssl = (...args: string[]) => mustRun('openssl', args, { cwd: scratch.path });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=lade test CA');
  const sign = async (name: string, extension: string): Promise<void> => {
    await openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'];
    writeFileSync(scratch.join(`${name}.ext`), extension);
    const config = ['-extfile', `${name}.ext`];
    const request = ['-in', `${name}.csr`, '-out', `${name}.cert`, '-days', '2'];
    await openssl('x509', '-req', ...request, ...authority, ...config);
  };
  await sign('server', 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  await sign('client', 'extendedKeyUsage=clientAuth\n');
  const pair = (name: string) => ({
    cert: scratch.join(`${name}.cert`),
    key: scratch.join(`${name}.key`),
  });
  return { ca: scratch.join('ca.crt'), server: pair('server'), client: pair('client') };
};
