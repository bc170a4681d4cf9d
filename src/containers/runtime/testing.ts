import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostFacts } from './types.ts';

const APPLETS =
  'sh cat echo sleep env ls id ps stty head wc true false kill mount df dd seq touch mkdir rm ln chmod grep stat tail hostname ip wget nc sync tty';

/** Writes a small root file system of a static busybox into `directory`, for tests. */
export const makeBusyboxRoot = (directory: string): void => {
  for (const name of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'root', 'home']) {
    mkdirSync(join(directory, name), { recursive: true });
  }
  chmodSync(join(directory, 'tmp'), 0o1777);
  copyFileSync('/bin/busybox', join(directory, 'bin/busybox'));
  for (const applet of APPLETS.split(' ')) symlinkSync('busybox', join(directory, 'bin', applet));
  writeFileSync(
    join(directory, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home:/bin/sh\n',
  );
  writeFileSync(join(directory, 'etc/group'), 'root:x:0:\nnode:x:1000:\nstaff:x:50:node\nwheel:x:10:root\n');
};

/** A fixed machine, for golden tests. */
export const sampleHost: HostFacts = {
  architecture: 'amd64',
  kernel: { major: 6, minor: 1 },
  x32: true,
  cgroup: 'v1',
  swapLimit: true,
  capabilities: [
    'CAP_CHOWN',
    'CAP_DAC_OVERRIDE',
    'CAP_FOWNER',
    'CAP_FSETID',
    'CAP_KILL',
    'CAP_SETGID',
    'CAP_SETUID',
    'CAP_SETPCAP',
    'CAP_NET_BIND_SERVICE',
    'CAP_NET_ADMIN',
    'CAP_NET_RAW',
    'CAP_SYS_CHROOT',
    'CAP_SYS_ADMIN',
    'CAP_MKNOD',
    'CAP_AUDIT_WRITE',
    'CAP_SETFCAP',
  ],
  hardLimits: { nofile: 20_000 },
};
