import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase, type Database } from '#database';
import { isLadeError } from '#errors';
import { rootTag } from './device-names.ts';
import { networkMigrations, networkResource, openNetworks } from './index.ts';
import type { AttachRequest, NetworkEvent, Networks } from './types.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const missing = ['nft', 'ip', 'nsenter', 'busybox'].filter((name) => spawnSync('which', [name]).status !== 0);
const canRun = isRoot && missing.length === 0;
const needs = canRun ? '' : ` (needs root${missing.length > 0 ? ` and ${missing.join(', ')}` : ''})`;

/** Answers on every port it is given by naming the port and who asked. */
const SERVER = `
const ports = process.argv[1].split(',').map(Number);
for (const port of ports)
  require('net').createServer((s) => s.end(port + ' ' + s.remoteAddress.replace('::ffff:', ''))).listen(port);
const udp = require('dgram').createSocket('udp4');
udp.on('message', (m, from) => udp.send(m + ' ' + from.address, from.port, from.address));
udp.bind(ports[0], () => console.log('ready'));
`;

interface Bench {
  readonly path: string;
  readonly database: Database;
  readonly networks: Networks;
  readonly events: NetworkEvent[];
}

const benches: Bench[] = [];
const children: ChildProcess[] = [];

const openBench = async (path = mkdtempSync(join(tmpdir(), 'lade-network-'))): Promise<Bench> => {
  const database = await openDatabase({ path: join(path, 'lade.db'), migrations: networkMigrations });
  const events: NetworkEvent[] = [];
  const emit = (event: NetworkEvent): void => void events.push(event);
  const networks = await openNetworks({ root: { path, database }, emit });
  const bench = { path, database, networks, events };
  benches.push(bench);
  return bench;
};

const closeBench = async ({ networks, database, path }: Bench): Promise<void> => {
  await networks.sweep(new Set());
  await networks[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  rmSync(path, { recursive: true });
};

const joinNetwork = async (
  { networks }: Bench,
  containerId: string,
  more: Partial<AttachRequest> = {},
): ReturnType<Networks['attach']> =>
  await networks.attach({
    containerId,
    containerName: containerId,
    netnsPath: networks.createNamespace(containerId),
    network: 'bridge',
    ...more,
  });

/** Runs a program inside a container's network; its output, or undefined when it failed. */
const inside = async (bench: Bench, id: string, ...args: readonly string[]): Promise<string | undefined> => {
  try {
    const done = await run('nsenter', [`--net=${bench.networks.namespacePath(id)}`, ...args], {
      timeout: 6000,
    });
    return done.stdout;
  } catch {
    return undefined;
  }
};

const serveIn = async (netnsPath: string, ports: readonly number[]): Promise<void> => {
  const args = [`--net=${netnsPath}`, process.execPath, '-e', SERVER, ports.join(',')];
  const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout, 'data');
};

const NC = ['busybox', 'nc', '-w', '2'];
const fromHost = async (host: string, port: number): Promise<string | undefined> => {
  try {
    return (await run('busybox', [...NC.slice(1), host, String(port)], { timeout: 6000 })).stdout;
  } catch {
    return undefined;
  }
};
const fromInside = (bench: Bench, id: string, host: string, port: number): Promise<string | undefined> =>
  inside(bench, id, ...NC, host, String(port));

const hostAddress = (): string =>
  Object.values(networkInterfaces())
    .flat()
    .find((found) => found?.family === 'IPv4' && !found.internal)?.address ?? '127.0.0.1';

const kindOf = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'nothing',
    (error: unknown) => (isLadeError(error) ? error.kind : String(error)),
  );

const linkNames = (): readonly string[] => readdirSync('/sys/class/net');

/** Interfaces that are plugged into a bridge; other tests run beside this one and have links of their own. */
const portNames = (bridge: string): readonly string[] =>
  readdirSync(`/sys/class/net/${bridge}/brif`).toSorted();

describe.skipIf(!canRun)(`networks in the kernel${needs}`, () => {
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const bench of benches.splice(0)) await closeBench(bench);
  });

  test('containers reach each other and this machine, and leave nothing behind', async () => {
    const bench = await openBench();
    const { networks } = bench;
    const one = await joinNetwork(bench, 'one');
    const two = await joinNetwork(bench, 'two');
    expect(two.ip).not.toBe(one.ip);
    expect(one).toMatchObject({ device: 'eth0', networkName: 'bridge', ports: [] });
    const ping = ['busybox', 'ping', '-c1', '-W2'];
    for (const address of [two.ip, one.gateway, hostAddress()])
      expect(await inside(bench, 'one', ...ping, address)).toContain('1 packets received');
    const bridge = networks.inspect('bridge');
    expect(linkNames()).toContain(bridge.device);
    expect(networkResource(bridge)).toMatchObject({
      Name: 'bridge',
      Driver: 'bridge',
      Scope: 'local',
      IPAM: { Config: [{ Subnet: bridge.ipam?.subnet, Gateway: one.gateway }] },
      Containers: { one: { Name: 'one', MacAddress: one.mac, IPv4Address: `${one.ip}/${one.prefix}` } },
    });
    expect((await run('nft', ['list', 'tables'])).stdout).toContain(rootTag(bench.path));
    const shown = JSON.parse(
      (await inside(bench, 'one', 'ip', '-j', 'addr', 'show', 'eth0')) ?? '',
    ) as unknown;
    expect(shown).toMatchObject([
      { address: one.mac, addr_info: [{ family: 'inet', local: one.ip, prefixlen: one.prefix }] },
    ]);
    for (const id of ['one', 'two']) {
      await networks.detach(id);
      networks.removeNamespace(id);
    }
    await networks.cleanup();
    expect(linkNames()).not.toContain(bridge.device);
    expect((await run('nft', ['list', 'tables'])).stdout).not.toContain(rootTag(bench.path));
    expect(readdirSync(join(bench.path, 'netns'))).toEqual([]);
  });

  test('published ports are reached from everywhere they should be', async () => {
    const bench = await openBench();
    await joinNetwork(bench, 'client');
    const web = await joinNetwork(bench, 'web', {
      ports: [
        { containerPort: 80, protocol: 'tcp' },
        { containerPort: 80, protocol: 'udp' },
        { containerPort: 81, protocol: 'tcp', hostIp: '127.0.0.1' },
      ],
    });
    await serveIn(bench.networks.namespacePath('web'), [80, 81]);
    const [open, onSix, udp, bound] = web.ports;
    const port = open?.hostPort ?? 0;
    const host = hostAddress();
    expect(onSix).toMatchObject({ hostIp: '::', hostPort: port });
    expect(await fromHost('127.0.0.1', port)).toBe(`80 ${web.gateway}`);
    expect(await fromHost(host, port)).toMatch(/^80 /);
    expect(await fromHost('::1', port)).toMatch(/^80 /);
    expect(await fromInside(bench, 'client', host, port)).toMatch(/^80 /);
    expect(await fromInside(bench, 'client', web.gateway, port)).toMatch(/^80 /);
    expect(await fromInside(bench, 'web', host, port)).toBe(`80 ${web.gateway}`);
    expect(await fromHost('127.0.0.1', bound?.hostPort ?? 0)).toMatch(/^81 /);
    expect(await fromHost(host, bound?.hostPort ?? 0)).toBeUndefined();
    expect(await fromInside(bench, 'client', host, bound?.hostPort ?? 0)).toBeUndefined();
    const socket = createSocket('udp4');
    socket.send('hello', udp?.hostPort ?? 0, '127.0.0.1');
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(3000) })) as [Buffer];
    socket.close();
    expect(answer.toString()).toBe(`hello ${web.gateway}`);
    await bench.networks.detach('web');
    await bench.networks.cleanup();
    expect(await fromHost('127.0.0.1', port)).toBeUndefined();
  });

  test('an occupied port is one clear error and leaves nothing', async () => {
    const bench = await openBench();
    const first = await joinNetwork(bench, 'first', { ports: [{ containerPort: 80, protocol: 'tcp' }] });
    const hostPort = first.ports[0]?.hostPort ?? 0;
    const bridge = bench.networks.inspect('bridge').device ?? '';
    const before = portNames(bridge);
    await expect(
      joinNetwork(bench, 'second', { ports: [{ containerPort: 80, protocol: 'tcp', hostPort }] }),
    ).rejects.toMatchObject({ kind: 'conflict', message: expect.stringContaining(`:${hostPort} failed`) });
    expect(bench.networks.endpoints('second')).toEqual([]);
    expect(portNames(bridge)).toEqual(before);
    expect((await joinNetwork(bench, 'third')).ip).not.toBe(first.ip);
    await bench.networks.detach('first');
    await joinNetwork(bench, 'second', { ports: [{ containerPort: 80, protocol: 'tcp', hostPort }] });
  });

  test('user-defined networks are apart, resolve names, and are left and joined live', async () => {
    const bench = await openBench();
    const { networks } = bench;
    const shop = await networks.create({ name: 'shop', labels: { a: 'b' } });
    await networks.create({ name: 'back', internal: true });
    await joinNetwork(bench, 'loner');
    const web = await joinNetwork(bench, 'web', { network: 'shop', aliases: ['app'], hostname: 'web-host' });
    const db = await joinNetwork(bench, 'db', { network: 'shop', aliases: ['app'] });
    await serveIn(networks.namespacePath('db'), [80]);
    const look = (id: string, name: string): Promise<string | undefined> =>
      inside(bench, id, 'busybox', 'nslookup', name, '127.0.0.11');
    expect(networks.resolvConf({ endpoints: networks.endpoints('web') })).toContain('nameserver 127.0.0.11');
    expect(networks.resolvConf({ endpoints: networks.endpoints('loner') })).not.toContain('127.0.0.11');
    expect(await look('web', 'db')).toContain(`Address: ${db.ip}`);
    expect(await look('db', 'WEB-host')).toContain(`Address: ${web.ip}`);
    const shared = await look('web', 'app');
    expect(shared).toContain(web.ip);
    expect(shared).toContain(db.ip);
    expect(await look('web', db.ip)).toContain('name = db.shop');
    expect(await look('web', 'loner')).toBeUndefined();
    // A name server of the container's own finds port 53 free.
    const bind = `require('dgram').createSocket('udp4').bind(53, () => process.exit(0))`;
    expect(await inside(bench, 'web', process.execPath, '-e', bind)).toBe('');
    expect(await fromInside(bench, 'web', db.ip, 80)).toBe(`80 ${web.ip}`);
    expect(await fromInside(bench, 'loner', db.ip, 80)).toBeUndefined();

    const second = await networks.attach({
      containerId: 'loner',
      containerName: 'loner',
      netnsPath: networks.namespacePath('loner'),
      network: 'shop',
    });
    expect(second.device).toBe('eth1');
    expect(await fromInside(bench, 'loner', db.ip, 80)).toBe(`80 ${second.ip}`);
    expect(await look('web', 'loner')).toContain(second.ip);
    await networks.rename('loner', 'friend');
    expect(await look('web', 'friend')).toContain(second.ip);
    expect(networks.inspect(shop.id.slice(0, 8)).endpoints.map((endpoint) => endpoint.containerName)).toEqual(
      ['web', 'db', 'friend'],
    );
    await networks.disconnect('bridge', 'loner');
    expect(await inside(bench, 'loner', 'ip', 'route')).toContain(`default via ${second.gateway} dev eth1`);
    expect(await kindOf(networks.disconnect('bridge', 'loner'))).toBe('not-found');

    expect(await kindOf(networks.remove('shop'))).toBe('conflict');
    const back = await joinNetwork(bench, 'hidden', { network: 'back' });
    expect(back.gateway).toBe('');
    expect(await inside(bench, 'hidden', 'ip', 'route')).not.toContain('default');
    for (const id of ['web', 'db', 'loner']) await networks.detach(id);
    expect((await networks.remove('shop')).id).toBe(shop.id);
    expect(await kindOf(Promise.resolve().then(() => networks.inspect('shop')))).toBe('not-found');
    expect(await networks.prune()).toEqual([]);
    await networks.detach('hidden');
    expect((await networks.prune()).map((network) => network.name)).toEqual(['back']);
  });

  test('create refuses what cannot be', async () => {
    const { networks } = await openBench();
    const shop = await networks.create({
      name: 'shop',
      ipam: [{ subnet: '10.213.7.0/24', gateway: '10.213.7.9' }],
    });
    expect(shop.ipam).toEqual({ subnet: '10.213.7.0/24', gateway: '10.213.7.9' });
    expect(await kindOf(networks.create({ name: 'shop' }))).toBe('already-exists');
    expect(await kindOf(networks.create({ name: 'other', ipam: [{ subnet: '10.213.0.0/16' }] }))).toBe(
      'conflict',
    );
    expect(await kindOf(networks.create({ name: 'other', driver: 'overlay' }))).toBe('unsupported');
    expect(await kindOf(networks.create({ name: 'other', enableIPv6: true }))).toBe('unsupported');
    expect(await kindOf(networks.create({ name: 'no/good' }))).toBe('invalid-argument');
    expect(await kindOf(networks.create({ name: 'host' }))).toBe('permission-denied');
    expect(await kindOf(networks.remove('none'))).toBe('permission-denied');
    expect(networks.list().map((network) => network.name)).toEqual(['bridge', 'host', 'none', 'shop']);
  });

  test('two daemons stand side by side', async () => {
    const a = await openBench();
    const b = await openBench();
    const [one, two] = await Promise.all([joinNetwork(a, 'one'), joinNetwork(b, 'two')]);
    const [left, right] = [a.networks.inspect('bridge'), b.networks.inspect('bridge')];
    expect(left.device).not.toBe(right.device);
    expect(left.ipam?.subnet).not.toBe(right.ipam?.subnet);
    await serveIn(b.networks.namespacePath('two'), [80]);
    expect(await fromHost(two.ip, 80)).toBe(`80 ${two.gateway}`);
    expect(await fromInside(a, 'one', two.ip, 80)).toBeUndefined();
    expect(one.ip).not.toBe(two.ip);
  });
});

/** A machine of its own: a network namespace in which a second process is the daemon. */
const machines: string[] = [];
const newMachine = async (): Promise<string> => {
  const name = `lade-test-${process.pid}-${machines.length}`;
  await run('ip', ['netns', 'add', name]);
  machines.push(name);
  await run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  return name;
};

const DAEMON = `
import { openDatabase } from '#database';
import { networkMigrations, openNetworks } from '#network';
import { createInterface } from 'node:readline';
const path = process.argv[1];
const database = await openDatabase({ path: path + '/lade.db', migrations: networkMigrations });
const networks = await openNetworks({ root: { path, database } });
const attach = async (id, more = {}) =>
  await networks.attach({
    containerId: id, containerName: id, netnsPath: networks.createNamespace(id), network: 'bridge', ...more,
  });
for await (const line of createInterface(process.stdin)) {
  const result = await eval('(async () => ' + line + ')()').catch((error) => ({ error: String(error) }));
  console.log(JSON.stringify(result ?? null));
}
await networks[Symbol.asyncDispose]();
await database[Symbol.asyncDispose]();
`;

interface Daemon {
  readonly child: ChildProcess;
  /** Evaluates an expression over networks, attach. */
  ask<T>(expression: string): Promise<T>;
  end(): Promise<void>;
}

const startDaemon = (machine: string, path: string): Daemon => {
  const args = [`--net=/run/netns/${machine}`, process.execPath];
  const child = spawn('nsenter', [...args, '--input-type=module', '-e', DAEMON, '--', path], {
    cwd: join(import.meta.dirname, '../../..'),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines: ((line: string) => void)[] = [];
  let rest = '';
  child.stdout.on('data', (data: Buffer) => {
    const parts = (rest + data.toString()).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) lines.shift()?.(line);
  });
  return {
    child,
    async ask<T>(expression: string) {
      const line = new Promise<string>((resolve, reject) => {
        lines.push(resolve);
        child.once('exit', () => reject(new Error('the daemon ended')));
      });
      child.stdin.write(`${expression}\n`);
      return JSON.parse(await line) as T;
    },
    async end() {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
};

describe.skipIf(!canRun)(`a machine of its own${needs}`, () => {
  let path: string;
  let machine: string;
  beforeAll(async () => {
    path = mkdtempSync(join(tmpdir(), 'lade-machine-'));
    machine = await newMachine();
  });
  afterAll(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const name of machines.splice(0)) await run('ip', ['netns', 'del', name]);
    rmSync(path, { recursive: true });
  });
  const on = async (name: string, ...args: readonly string[]): Promise<string | undefined> => {
    try {
      return (await run('nsenter', [`--net=/run/netns/${name}`, ...args], { timeout: 6000 })).stdout;
    } catch {
      return undefined;
    }
  };

  test('works where FORWARD drops, masks what leaves, and is back after kill -9', async () => {
    const outside = await newMachine();
    const cable = ['link', 'add', 'wan0', 'type', 'veth', 'peer', 'name', 'wan1', 'netns', outside];
    await on(machine, 'ip', ...cable);
    for (const [name, device, address] of [
      [machine, 'wan0', '198.51.100.1/24'],
      [outside, 'wan1', '198.51.100.2/24'],
    ] as const) {
      await on(name, 'ip', 'addr', 'add', address, 'dev', device);
      await on(name, 'ip', 'link', 'set', device, 'up');
    }
    for (const rule of [
      '-P FORWARD DROP',
      '-N DOCKER-USER',
      '-A DOCKER-USER -j RETURN',
      '-A FORWARD -j DOCKER-USER',
    ])
      await on(machine, 'iptables', ...rule.split(' '));
    await serveIn(`/run/netns/${outside}`, [80]);

    let daemon = startDaemon(machine, path);
    const web = await daemon.ask<{ ip: string; ports: { hostPort: number }[]; gateway: string }>(
      `attach('web', { ports: [{ containerPort: 80, protocol: 'tcp' }] })`,
    );
    const netns = `--net=${path}/netns/web`;
    expect(await on(machine, 'nsenter', netns, ...NC, '198.51.100.2', '80')).toBe('80 198.51.100.1');
    await serveIn(`${path}/netns/web`, [80]);
    const port = String(web.ports[0]?.hostPort);
    expect(await on(outside, ...NC, '198.51.100.1', port)).toBe('80 198.51.100.2');
    await on(outside, 'ip', 'route', 'add', `${web.ip}/32`, 'via', '198.51.100.1');
    expect(await on(outside, ...NC, web.ip, '80')).toBeUndefined();

    await daemon.ask(`networks.create({ name: 'shop' })`);
    await daemon.ask(`attach('db', { network: 'shop' })`);
    const db = ['nsenter', `--net=${path}/netns/db`, 'busybox', 'nslookup', 'db', '127.0.0.11'];
    daemon.child.kill('SIGKILL');
    await once(daemon.child, 'exit');
    expect(await on(outside, ...NC, '198.51.100.1', port)).toBe('80 198.51.100.2');
    expect(await on(machine, ...db)).toContain('Name:\tdb');

    daemon = startDaemon(machine, path);
    expect(await daemon.ask(`networks.sweep(new Set(['web']))`)).toEqual({ containers: ['db'] });
    expect(await daemon.ask(`networks.endpoints('web')`)).toEqual([web]);
    expect(existsSync(`${path}/netns/db`)).toBe(false);
    expect(await on(outside, ...NC, '198.51.100.1', port)).toBe('80 198.51.100.2');
    const taken = await daemon.ask<{ error: string }>(
      `attach('other', { ports: [{ containerPort: 80, protocol: 'tcp', hostPort: ${port} }] })`,
    );
    expect(taken.error).toContain(`:${port} failed: port is already allocated`);
    await daemon.end();
    expect(await on(outside, ...NC, '198.51.100.1', port)).toBe('80 198.51.100.2');

    for (const child of children.splice(0)) child.kill('SIGKILL');
    daemon = startDaemon(machine, path);
    await daemon.ask(`networks.sweep(new Set())`);
    await daemon.end();
    expect(await on(machine, 'nft', 'list', 'ruleset')).not.toMatch(/lade/i);
    await expect.poll(() => on(machine, 'ip', '-br', 'link')).not.toMatch(/lade|lv/);
    expect(await on(machine, 'iptables', '-S', 'DOCKER-USER')).toBe(
      '-N DOCKER-USER\n-A DOCKER-USER -j RETURN\n',
    );
  });
});
