/** The name of our own chain in the iptables table `filter`. */
export const forwardChain = (tag: string): string => `LADE-${tag}`;

/** Where dockerd promises to leave other people's rules alone. */
const USER_CHAIN = 'DOCKER-USER';

/**
 * Where a jump to our chain has to stand so that packets of our bridges pass, from the output of `iptables -S`;
 * undefined when nothing refuses them.
 */
export const jumpPlace = (listing: string): 'DOCKER-USER' | 'FORWARD' | undefined => {
  const lines = listing.split('\n');
  if (lines.includes(`-N ${USER_CHAIN}`)) return USER_CHAIN;
  return lines.includes('-P FORWARD DROP') ? 'FORWARD' : undefined;
};

/** Whether the jump stands already. */
export const hasJump = (listing: string, place: string, chain: string): boolean =>
  listing.split('\n').includes(`-A ${place} -j ${chain}`);

/** The chains that jump to ours. */
export const jumpsTo = (listing: string, chain: string): readonly string[] =>
  [...listing.matchAll(/^-A (\S+) -j (\S+)$/gm)]
    .filter(([, , to]) => to === chain)
    .map(([, from = '']) => from);

const rulesOf = (device: string): readonly string[] => [
  `-i ${device} -o ${device} -j ACCEPT`,
  // What dockerd guards stays guarded by its own rules, which come after.
  `-i ${device} -o docker0 -j RETURN`,
  `-i ${device} -o br-+ -j RETURN`,
  `-i ${device} -j ACCEPT`,
  // Two rules: iptables-nft forgets the real states beside the virtual one.
  `-o ${device} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  `-o ${device} -m conntrack --ctstate DNAT -j ACCEPT`,
];

/** Text for `iptables-restore --noflush` that makes our chain hold exactly the rules of these bridges. */
export const renderForwardChain = (chain: string, devices: readonly string[]): string =>
  [
    '*filter',
    `:${chain} - [0:0]`,
    ...devices.flatMap(rulesOf).map((rule) => `-A ${chain} ${rule}`),
    'COMMIT',
    '',
  ].join('\n');
