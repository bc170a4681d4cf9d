import type { AccountStore } from '#metadata';
import { identityOf, type Identity } from './identity.ts';
import { isUserName } from './names.ts';
import type { ClientCertificate } from './types.ts';

/** Which name of a certificate is the name of the user. */
export type CertificateName = 'commonName' | 'email' | 'dns';

const PREFIX: Readonly<Record<CertificateName, string>> = { commonName: '', email: 'email:', dns: 'DNS:' };

const nameIn = (certificate: ClientCertificate, from: CertificateName): string => {
  if (from === 'commonName') return certificate.name;
  const found = certificate.alternatives.find((one) => one.startsWith(PREFIX[from]));
  return found?.slice(PREFIX[from].length) ?? '';
};

/**
 * Whom a certificate proves that a trusted authority signed: the user of its name, with an account or without one.
 * Undefined where the name cannot be one, or its account may not be used.
 */
export const certificateIdentity = (
  accounts: AccountStore,
  certificate: ClientCertificate,
  from: CertificateName,
): Identity | undefined => {
  const name = nameIn(certificate, from);
  if (!isUserName(name)) return undefined;
  const account = accounts.account(name);
  if (account !== undefined) {
    const identity = identityOf(account, 'certificate');
    return identity === undefined ? undefined : { ...identity, kind: 'certificate' };
  }
  return {
    name,
    kind: 'certificate',
    proof: 'certificate',
    account: undefined,
    groups: [],
    administrator: false,
    permissions: [],
  };
};
