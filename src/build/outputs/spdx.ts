import { createHash } from 'node:crypto';
import type { Digest } from '#oci';
import type { Distribution, FoundPackage } from './packages.ts';
import type { PackageScan } from './scan-packages.ts';

const NONE = 'NOASSERTION';

const encodePart = (text: string): string => encodeURIComponent(text).replaceAll('%3A', ':');

/** The package URL of a package (purl-spec). */
export const packageUrl = (
  { type, name, version, architecture }: FoundPackage,
  distribution: Distribution | undefined,
): string => {
  const isSystem = type === 'deb' || type === 'apk';
  const fallback = type === 'deb' ? 'debian' : 'alpine';
  const namespace = isSystem ? [encodePart(distribution?.id ?? fallback)] : [];
  const spelled = type === 'pypi' ? name.toLowerCase().replaceAll('_', '-') : name;
  const parts = [...namespace, ...spelled.split('/').map(encodePart)];
  const distro =
    distribution?.version === undefined ? [] : [`distro=${distribution.id}-${distribution.version}`];
  const qualifiers = [
    ...(architecture === undefined ? [] : [`arch=${architecture}`]),
    ...(isSystem ? distro : []),
  ];
  const more = qualifiers.length === 0 ? '' : `?${qualifiers.join('&')}`;
  return `pkg:${type}/${parts.join('/')}@${encodePart(version)}${more}`;
};

/** Words of an expression; anything else is told as a comment, since readers refuse it. */
const EXPRESSION = /^[A-Za-z0-9][A-Za-z0-9.+-]*(?: (?:AND|OR|WITH) [A-Za-z0-9][A-Za-z0-9.+-]*)*$/u;

/** Words that packages say instead of an identifier of SPDX's list, which has none of them. */
const NO_IDENTIFIER =
  /(?:^|\s)(?:UNKNOWN|UNLICENSED|NONE|OTHER|PROPRIETARY|COMMERCIAL|BSD|PSFL?|APACHE|PERL|(?:A|L)?GPL(?:v[\d.]+\+?)?)(?=$|\s)/iu;

const licenses = (license: string | undefined) => {
  if (license === undefined || license === '') return { licenseDeclared: NONE };
  const bare = license.replaceAll(/[()]/gu, '');
  return EXPRESSION.test(bare) && !NO_IDENTIFIER.test(bare)
    ? { licenseDeclared: license }
    : { licenseDeclared: NONE, licenseComments: `the package says: ${license}` };
};

const idOf = ({ type, name }: FoundPackage, url: string): string => {
  const hash = createHash('sha256').update(url).digest('hex').slice(0, 12);
  return `SPDXRef-Package-${type}-${name.replaceAll(/[^A-Za-z0-9.-]/gu, '-')}-${hash}`;
};

/** `Name <address>` as SPDX writes it: the address in parentheses, which the name may not have. */
const personOf = (text: string): string => {
  const [, name = text, address] = /^(.*?)\s*<([^<>]*)>\s*$/u.exec(text) ?? [];
  const bare = name.replaceAll(/[()\s]+/gu, ' ').trim();
  return `Person: ${bare}${address === undefined ? '' : ` (${address})`}`;
};

const packageEntry = (one: FoundPackage, distribution: Distribution | undefined) => {
  const url = packageUrl(one, distribution);
  const { name, version, supplier, homepage, foundIn } = one;
  return {
    SPDXID: idOf(one, url),
    name,
    versionInfo: version,
    ...(supplier === undefined ? {} : { supplier: personOf(supplier) }),
    downloadLocation: NONE,
    filesAnalyzed: false,
    ...(homepage === undefined || !/^https?:/u.test(homepage) ? {} : { homepage }),
    sourceInfo: `found in /${foundIn}`,
    licenseConcluded: NONE,
    ...licenses(one.license),
    copyrightText: NONE,
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: url }],
  };
};

/** The image that a document is about. */
export interface SpdxSubject {
  readonly name: string;
  /** Of the image's manifest. */
  readonly digest: Digest;
  /** RFC 3339; of the image, so that the same image gives the same document. */
  readonly created: string;
}

/** A document of SPDX 2.3 about an image and the packages in it. */
export const spdxDocument = (
  { distribution, packages, leftOut }: PackageScan,
  subject: SpdxSubject,
): object => {
  const hex = subject.digest.slice(subject.digest.indexOf(':') + 1);
  const entries = packages.map((one) => packageEntry(one, distribution));
  const relation = (from: string, kind: string, to: string) => ({
    spdxElementId: from,
    relationshipType: kind,
    relatedSpdxElement: to,
  });
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: subject.name,
    documentNamespace: `urn:lade:spdx:${hex}`,
    creationInfo: {
      created: new Date(subject.created).toISOString().replace(/\.\d+Z$/u, 'Z'),
      creators: ['Tool: lade'],
      ...(leftOut.length === 0 ? {} : { comment: `This list is not complete: ${leftOut.join('; ')}` }),
    },
    packages: [
      {
        SPDXID: 'SPDXRef-Image',
        name: subject.name,
        versionInfo: subject.digest,
        primaryPackagePurpose: 'CONTAINER',
        downloadLocation: NONE,
        filesAnalyzed: false,
        licenseConcluded: NONE,
        licenseDeclared: NONE,
        copyrightText: NONE,
        checksums: [{ algorithm: 'SHA256', checksumValue: hex }],
      },
      ...entries,
    ],
    relationships: [
      relation('SPDXRef-DOCUMENT', 'DESCRIBES', 'SPDXRef-Image'),
      ...entries.map(({ SPDXID }) => relation('SPDXRef-Image', 'CONTAINS', SPDXID)),
    ],
  };
};
