// The first step of every npm script: runs on any Node from 18 on, installs what is missing, then hands over to the
// project's own Node 24. Plain JavaScript on purpose: the machine's Node may not run TypeScript.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = join(project, '.cache');

/** Debian packages by what needs them: [package, a command it brings, why]. */
const PACKAGES = {
  engine: [
    ['runc', 'runc', 'starts containers'],
    ['conmon', 'conmon', 'keeps watch over a running container'],
    ['nftables', 'nft', 'publishes ports'],
    ['iptables', 'iptables', 'lets containers through a firewall that drops forwarded packets'],
  ],
  image: [['mmdebstrap', 'mmdebstrap', 'makes the Debian base image when Docker Hub is out of reach']],
  test: [
    ['skopeo', 'skopeo', 'second opinion on images and registries'],
    ['umoci', 'umoci', 'second opinion on layers'],
    ['docker-registry', 'docker-registry', 'second opinion on registry clients'],
    ['busybox-static', 'busybox', 'smallest base image'],
    ['strace', 'strace', 'checks the order of writes'],
    ['wrk', 'wrk', 'loads the registries of the benchmark'],
    ['iproute2', 'ip', 'inspects test networks'],
    ['procps', 'ps', 'inspects test processes'],
    ['curl', 'curl', 'asks the running applications'],
    ['xz-utils', 'xz', 'unpacks Debian packages'],
    ['openssl', 'openssl', 'makes the certificates of test registries'],
    ['bsdutils', 'script', 'is the terminal that a login asks at'],
    ['buildah', 'buildah', 'second opinion on Dockerfiles'],
    ['podman', 'podman', 'client of the registry'],
    ['bzip2', 'bzip2', 'packs an archive for ADD'],
    ['zstd', 'zstd', 'packs an archive for ADD'],
    ['python3', 'python3', 'makes the wheel of a Python image'],
    ['git', 'git', 'fetches the repositories of test builds'],
  ],
};

/** What each npm script needs beside npm packages, and what it then runs. */
const COMMANDS = {
  setup: { packages: ['engine'] },
  quickstart: { packages: ['engine', 'image'], run: ['tools/quickstart.ts'] },
  test: { packages: ['engine', 'image', 'test'], run: ['tools/test.ts'] },
  faults: { packages: ['engine', 'test'], run: ['tools/test.ts', '--faults'] },
  check: { packages: [], run: ['tools/test.ts', '--quick'] },
  bench: { packages: ['engine', 'image', 'test'], run: ['test/bench/main.ts'] },
  build: { packages: [], run: ['tools/build.ts'] },
};

const say = (text) => process.stderr.write(`${text}\n`);

const fail = (text, code = 1) => {
  say(text);
  process.exit(code);
};

const installModules = () => {
  const lock = createHash('sha256')
    .update(readFileSync(join(project, 'package-lock.json')))
    .digest('hex');
  const stamp = join(project, 'node_modules', '.lade-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  say('setup: npm packages (npm install)');
  // Not `npm ci`: it refuses a lock file without the other platforms' binaries, which not every mirror carries.
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  const result = spawnSync('npm', args, { cwd: project, stdio: ['ignore', 'ignore', 'inherit'] });
  if (result.status !== 0) fail('setup: npm install failed; see its message above', result.status ?? 1);
  writeFileSync(stamp, lock);
};

const node24 = () => {
  const path = join(project, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  if (!existsSync(path))
    fail(`setup: there is no Node 24 for linux-${process.arch}; Lade runs on linux-x64 and linux-arm64`);
  return path;
};

const onPath = (command) =>
  [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'].some((dir) =>
    existsSync(join(dir, command)),
  );

const apt = (args) =>
  spawnSync('apt-get', args, {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'inherit'],
  }).status === 0;

const installPackages = (groups) => {
  const missing = groups.flatMap((group) => PACKAGES[group]).filter(([, command]) => !onPath(command));
  if (missing.length === 0) return;
  const names = missing.map(([name]) => name);
  for (const [name, , why] of missing) say(`setup: Debian package ${name}: ${why}`);
  const command = `apt-get install -y --no-install-recommends ${names.join(' ')}`;
  if (process.getuid?.() !== 0) fail(`setup: these packages are missing; run as root:\n  ${command}`);
  if (!onPath('apt-get'))
    fail(`setup: this is no Debian; install ${names.join(', ')} with its own package manager`);
  say(`setup: ${command}`);
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...names];
  if (!apt(install) && !(apt(['update', '-qq']) && apt(install)))
    fail('setup: apt-get failed; see its message above');
};

/** The docker command line of Debian's docker.io, unpacked beside the project and not installed: no service starts. */
const unpackDockerCli = () => {
  if (onPath('docker') || existsSync(join(cache, 'debian', 'usr', 'bin', 'docker'))) return;
  say('setup: Debian package docker.io: the real docker command (unpacked into .cache, not installed)');
  const downloads = join(cache, 'downloads');
  mkdirSync(downloads, { recursive: true });
  const script =
    'apt-get download -qq docker.io || (apt-get update -qq && apt-get download -qq docker.io); dpkg -x docker.io_*.deb ../debian';
  if (
    spawnSync('sh', ['-ec', script], { cwd: downloads, stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0
  )
    fail('setup: Debian package docker.io could not be had');
};

/**
 * What of Debian sid is unpacked beside the project: packages that belong together, and commands that show that they run
 * on this machine.
 */
const SID = [
  {
    packages: ['docker.io', 'containerd', 'docker-buildx'],
    commands: [
      ['usr/sbin/dockerd', '--version'],
      ['usr/bin/containerd', '--version'],
      ['usr/bin/ctr', '--version'],
      ['usr/libexec/docker/cli-plugins/docker-buildx', 'version'],
    ],
    why: 'a BuildKit that knows the Dockerfile language of today, and ctr',
  },
  { packages: ['crane'], commands: [['usr/bin/crane', 'version']], why: 'client of the registry' },
  { packages: ['oras'], commands: [['usr/bin/oras', 'version']], why: 'client of the registry' },
  { packages: ['cosign'], commands: [['usr/bin/cosign', 'version']], why: 'client of the registry' },
];

/** The address of the first Debian archive that this machine installs from; undefined when it names none. */
const debianArchive = () => {
  const wanted = ['Created-By: Packages', 'Origin: Debian', 'Label: Debian'];
  const args = ['indextargets', '--format', '$(REPO_URI)', ...wanted];
  const { stdout } = spawnSync('apt-get', args, { encoding: 'utf8' });
  return stdout?.split('\n')[0] || undefined;
};

const DEBIAN_KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** apt with lists, state and cache of its own: the machine's are not touched. */
const aptConfiguration = (folder, archive) => {
  for (const name of ['lists/partial', 'cache/archives/partial', 'state'])
    mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'state', 'status'), '');
  writeFileSync(join(folder, 'sources.list'), `deb [signed-by=${DEBIAN_KEYS}] ${archive} sid main\n`);
  const path = (name) => `"${join(folder, name)}";`;
  const settings = [
    `Dir::Etc::SourceList ${path('sources.list')}`,
    'Dir::Etc::SourceParts "/dev/null";',
    `Dir::State ${path('state')}`,
    `Dir::State::Lists ${path('lists')}`,
    `Dir::State::Status ${path('state/status')}`,
    `Dir::Cache ${path('cache')}`,
    'APT::Sandbox::User "root";',
  ];
  writeFileSync(join(folder, 'apt.conf'), settings.join('\n'));
  return join(folder, 'apt.conf');
};

const runsIn = (tree, { commands }) =>
  commands.every(([path, argument]) => spawnSync(join(tree, path), [argument]).status === 0);

/** Unpacks one entry of SID into a folder of its own, and moves it beside the others when it runs. */
const unpackFromSid = (work, target, entry) => {
  const tree = join(work, entry.packages[0]);
  mkdirSync(tree);
  const options = { cwd: tree, stdio: ['ignore', 'ignore', 'inherit'] };
  const env = { ...process.env, APT_CONFIG: join(work, 'apt.conf') };
  const script = `apt-get download -qq ${entry.packages.join(' ')}; for file in *.deb; do dpkg -x "$file" tree; done`;
  if (spawnSync('sh', ['-ec', script], { ...options, env }).status !== 0) return false;
  if (!runsIn(join(tree, 'tree'), entry)) return false;
  return spawnSync('cp', ['-a', '--remove-destination', 'tree/.', target], options).status === 0;
};

/**
 * Programs of Debian sid, unpacked and not installed, where sid can be reached and they run on this machine. Tests that
 * want them say why they were skipped otherwise.
 */
const unpackSid = () => {
  const target = join(cache, 'sid');
  const wanted = SID.filter((entry) => !runsIn(target, entry));
  const archive = onPath('apt-get') && wanted.length > 0 ? debianArchive() : undefined;
  if (archive === undefined) return;
  for (const { packages, why } of wanted)
    say(`setup: of Debian sid ${packages.join(', ')}: ${why} (unpacked into .cache, not installed)`);
  const work = join(cache, `sid-${process.pid}`);
  mkdirSync(work, { recursive: true });
  mkdirSync(target, { recursive: true });
  const env = { ...process.env, APT_CONFIG: aptConfiguration(work, archive) };
  const stdio = ['ignore', 'ignore', 'inherit'];
  const reached = spawnSync('apt-get', ['update', '-qq'], { env, stdio }).status === 0;
  for (const entry of wanted)
    if (!reached || !unpackFromSid(work, target, entry))
      say(
        `setup: ${entry.packages.join(', ')} could not be had, or do not run here; tests that want them are skipped`,
      );
  rmSync(work, { recursive: true, force: true });
};

const build = (node) => {
  const result = spawnSync(node, [join(project, 'tools', 'build.ts'), '--if-stale'], {
    cwd: project,
    stdio: 'inherit',
  });
  if (result.status !== 0) fail('setup: the build failed', result.status ?? 1);
};

const main = () => {
  const [name = 'setup', ...rest] = process.argv.slice(2);
  const command = COMMANDS[name];
  if (command === undefined) fail(`usage: node tools/setup.mjs [${Object.keys(COMMANDS).join('|')}]`, 2);
  installModules();
  const node = node24();
  installPackages(command.packages);
  if (command.packages.includes('test')) {
    unpackDockerCli();
    unpackSid();
  }
  if (name !== 'build' && name !== 'check') build(node);
  if (command.run === undefined) {
    say('setup: done');
    return;
  }
  const path = [
    join(project, 'node_modules', '.bin'),
    process.env.PATH,
    '/usr/sbin',
    '/sbin',
    join(cache, 'debian', 'usr', 'bin'),
  ];
  const result = spawnSync(node, [join(project, command.run[0]), ...command.run.slice(1), ...rest], {
    cwd: project,
    stdio: 'inherit',
    env: { ...process.env, PATH: path.join(':') },
  });
  process.exit(result.status ?? 128);
};

main();
