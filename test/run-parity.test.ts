/** What a RUN step sees and may, beside the BuildKit of Debian sid: the same lines, but for what is written down here. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDockerd } from './bench/dockerd.ts';
import { busyboxArchive, project, startMachine, type Machine } from './support/lade.ts';
import { mustRun, run } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
const stack = new AsyncDisposableStack();
const sid = join(project, '.cache', 'sid');
const BUILDX = join(sid, 'usr', 'libexec', 'docker', 'cli-plugins', 'docker-buildx');
const missing = existsSync(BUILDX) ? '' : ' (needs the dockerd of Debian sid, which npm run setup unpacks)';
let machine: Machine;
let docker: NodeJS.ProcessEnv;

const DOCKERFILE = String.raw`FROM bb AS base
RUN mkdir -p /etc/x && printf 'u1:x:1001:1002::/home/u1:/bin/sh\n' >> /etc/passwd && printf 'g1:x:1002:\nextra:x:1003:u1\n' >> /etc/group
FROM base
ARG WITH=argument
ARG SILENT
ENV KEPT="a b"
RUN env | sort; hostname; cat /etc/hosts; ls /proc/self/fd | wc -l; grep -E "Cap|Secc|NoNew" /proc/self/status; ulimit -a
USER u1
WORKDIR /nope/deeper
RUN id; pwd; env | sort; stat -c "%a %u:%g %n" /nope /nope/deeper
USER 1001:extra
RUN id
USER 4444
RUN id; env | grep HOME
USER :extra
RUN id
USER root
SHELL ["/bin/busybox", "sh", "-c"]
RUN echo shell; echo $0 $-
RUN ["/bin/echo", "$HOME", "exec"]
RUN <<EOF
echo heredoc $HOME $0
EOF
RUN <<EOF cat > /one; cat /one
line $HOME
EOF
RUN <<EOF
#!/bin/cat
shebang
EOF
RUN --mount=type=tmpfs,target=/t stat -c "%a %u:%g" /t; grep " /t " /proc/mounts | cut -d" " -f3-4
RUN --mount=type=tmpfs,target=/tmp,size=1m stat -c "%a %u:%g" /tmp; grep " /tmp " /proc/mounts | cut -d" " -f3-4
RUN --mount=type=cache,target=/c stat -c "%a %u:%g" /c; touch /c/x; ls /c
RUN --mount=type=cache,target=/c,id=/c ls /c; pwd
RUN --mount=type=cache,target=/c2,ro,uid=5,gid=6,mode=0710 stat -c "%a %u:%g" /c2; touch /c2/x
RUN --mount=type=cache,target=/c3,from=base,source=/etc,sharing=private ls /c3
RUN --mount=type=cache,target=relative stat -c "%a %u:%g" relative; grep -c "/nope/deeper/relative" /proc/mounts
RUN --mount=target=/ctx find /ctx | sort; touch /ctx/x
RUN --mount=target=/ctx,rw touch /ctx/x && find /ctx | sort
RUN --mount=target=/ctx find /ctx | sort
RUN --mount=source=dir/f,target=/one.txt cat /one.txt; ls -n /one.txt | cut -c1-10
RUN --mount=source=dir/link,target=/linked cat /linked
RUN --mount=type=bind,from=base,source=/etc/passwd,target=/pw cat /pw
RUN --mount=from=base,target=/b,rw touch /b/new; ls -d /b/new /b/bin
RUN --mount=type=secret,id=s stat -c "%a %u:%g" /run/secrets/s; grep /run/sec /proc/mounts | cut -d" " -f3-4 | sed "s/,mode.*//"; wc -c /run/secrets/s
RUN --mount=type=secret,id=s,env=S echo "$S" | wc -c; ls /run/secrets
RUN --mount=type=secret,id=s,target=sub/dir/s,mode=0444,uid=3 stat -c "%a %u:%g %n" sub/dir/s
RUN --mount=type=secret,id=none env | grep -c none; ls /run/secrets
RUN --mount=type=ssh echo "$SSH_AUTH_SOCK"; ls /run/buildkit
RUN --network=none ls /sys/class/net
RUN cat; echo read
RUN umask; cat /proc/self/oom_score_adj; awk '{print $1,$2,$3,$4,$5,$6}' /proc/self/limits
RUN ls /dev | tr '\n' ' '; stat -c "%n %a" /dev /dev/shm /dev/pts; df -k /dev/shm | tail -n1 | awk '{print $2}'
RUN awk '{print $2,$3,$4}' /proc/mounts | sort | grep -v -e cgroup -e overlay -e "^/run/lade"
RUN echo before; exit 0; echo after
RUN ls -A / /nope/deeper | grep -v -x run
`;

beforeAll(async () => {
  if (missing !== '') return;
  machine = stack.use(await startMachine(scratch.child('lade')));
  const archive = await busyboxArchive(scratch);
  await machine.lade('import', archive, 'bb');
  const context = scratch.join('context');
  mkdirSync(join(context, 'dir'), { recursive: true });
  // What a command says counts here, not how it ends.
  const lines = DOCKERFILE.replaceAll(/^RUN (?!\[|<<).*$/gmu, '$&; true');
  writeFileSync(join(context, 'Dockerfile'), lines);
  writeFileSync(join(context, 'dir', 'f'), 'content\n');
  await mustRun('ln', ['-s', 'f', join(context, 'dir', 'link')]);
  writeFileSync(scratch.join('secret'), 'secret-value');
  const home = scratch.child('docker');
  stack.defer(async () => void (await run('umount', [home.join('de', 'netns', 'default')])));
  const daemon = await startDockerd(home, {
    program: join(sid, 'usr', 'sbin', 'dockerd'),
    path: join(sid, 'usr', 'bin'),
    args: ['--bridge=none', '--iptables=false', '--ip6tables=false'],
  });
  if (daemon === undefined) throw new Error('dockerd of Debian sid did not start');
  stack.use(daemon);
  docker = { ...process.env, DOCKER_HOST: daemon.host, DOCKER_CONFIG: home.join('config') };
  mkdirSync(home.join('config'));
  await mustRun('docker', ['import', archive, 'bb'], { env: docker });
});

afterAll(async () => {
  await stack.disposeAsync();
  scratch[Symbol.dispose]();
});

/** Lade's own: how the host's certificates reach a step; what containers of dockerd hide, and its BuildKit does not. */
const OWN = /host-ca\.pem|^\/proc\/interrupts /u;

/** What each step wrote, by the instruction that follows its number. */
const outputs = (log: string): ReadonlyMap<string, readonly string[]> => {
  const names = new Map<string, string>();
  const found = new Map<string, string[]>();
  for (const line of log.split('\n')) {
    const named = /^#(\d+) \[.*?\d+\/\d+\] (RUN.*)$/u.exec(line);
    if (named?.[1] !== undefined && named[2] !== undefined) names.set(named[1], named[2]);
    const said = /^#(\d+) [\d.]+ (.*)$/u.exec(line);
    const name = names.get(said?.[1] ?? '');
    if (name === undefined || said?.[2] === undefined || OWN.test(said[2])) continue;
    found.set(name, [...(found.get(name) ?? []), said[2]]);
  }
  return found;
};

const ARGS = ['--progress=plain', '--no-cache', '--network=none', '--build-arg', 'SILENT=s'];

describe.skipIf(missing !== '')(`RUN beside BuildKit${missing}`, () => {
  test('environment, users, rights, mounts, devices and limits are the same', async () => {
    const secret = ['--secret', `id=s,src=${scratch.join('secret')}`];
    const args = ['build', ...ARGS, ...secret, scratch.join('context')];
    const [ours, theirs] = await Promise.all([machine.lade(...args), mustRun(BUILDX, args, { env: docker })]);
    const [lade, buildkit] = [outputs(ours.stderr), outputs(theirs.stderr)];
    expect(lade.size).toBeGreaterThan(30);
    const sorted = (all: typeof lade) => [...all.values()].map((lines) => lines.toSorted());
    expect(sorted(lade)).toEqual(sorted(buildkit));
  });
});
