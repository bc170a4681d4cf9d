/** Networks with the unmodified docker CLI against `lade daemon`: packets flow, names resolve, nothing stays. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busyboxArchive, startMachine, type Machine } from './support/lade.ts';
import { run } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
let machine: Machine;
const docker = (...args: string[]) => machine.docker(...args);
const out = async (...args: string[]): Promise<string> => (await docker(...args)).stdout.trim();

const IMAGE = 'test/busybox';
/** Answers each HTTP request with its own name. */
const WEB = ['sh', '-c', 'hostname > /tmp/index.html; exec httpd -f -p 80 -h /tmp'];

const hostAddress = (): string =>
  Object.values(networkInterfaces())
    .flat()
    .find((found) => found?.family === 'IPv4' && !found.internal)?.address ?? '127.0.0.1';

const get = async (url: string): Promise<string> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
  return (await response.text()).trim();
};

/** httpd needs a moment from the start of its container to its first answer. */
const eventually = (url: string) => expect.poll(() => get(url).catch(() => ''), { timeout: 10_000 });

/**
 * Asks a web server from inside a container. Debian's static busybox cannot look up names with wget, so nslookup does
 * it, by the container's own /etc/resolv.conf.
 */
const getIn = async (container: string, host: string, port = 80): Promise<string> => {
  const address = /^[\d.]+$/.test(host)
    ? `echo ${host}`
    : `nslookup ${host} | awk '/^Name:/ { found = 1 } found && /^Address/ { print $NF; exit }'`;
  const script = `address=$(${address}); printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 $address ${port} | tail -n 1`;
  return (await machine.tryDocker(['exec', container, 'sh', '-c', script])).stdout.trim();
};

const portOf = async (container: string, port = '80/tcp'): Promise<number> => {
  const [line = ''] = (await out('port', container, port)).split('\n');
  return Number(line.slice(line.lastIndexOf(':') + 1));
};

beforeAll(async () => {
  machine = await startMachine(scratch);
  await docker('import', await busyboxArchive(scratch), IMAGE);
});

afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
  const tag = createHash('sha256').update(machine.root).digest('hex').slice(0, 8);
  const { stdout } = await run('nft', ['list', 'ruleset']);
  expect(stdout).not.toContain(tag);
  expect(readdirSync('/sys/class/net')).not.toContain(`lade-${tag}`);
  scratch[Symbol.dispose]();
});

describe('the default network', () => {
  test('a published port is reached from localhost, the host address and another container', async () => {
    await docker('run', '-d', '--name', 'web', '-p', '80', IMAGE, ...WEB);
    const port = await portOf('web');
    const name = await out('exec', 'web', 'hostname');
    await eventually(`http://127.0.0.1:${port}`).toBe(name);
    expect(await get(`http://localhost:${port}`)).toBe(name);
    expect(await get(`http://[::1]:${port}`)).toBe(name);
    expect(await get(`http://${hostAddress()}:${port}`)).toBe(name);
    await docker('run', '-d', '--name', 'client', IMAGE, 'sleep', '1000');
    for (const container of ['client', 'web']) expect(await getIn(container, hostAddress(), port)).toBe(name);
    expect(await out('ps', '--format', '{{.Ports}}')).toContain(`0.0.0.0:${port}->80/tcp`);
  });

  test('inspect tells the address that the container has', async () => {
    const ip = await out('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', 'web');
    expect(await out('exec', 'web', 'ip', '-4', 'addr', 'show', 'eth0')).toContain(`inet ${ip}/`);
    const gateway = await out('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', 'bridge');
    expect(await out('exec', 'web', 'ip', 'route')).toContain(`default via ${gateway} dev eth0`);
    expect(await out('exec', 'web', 'cat', '/etc/hosts')).toMatch(new RegExp(`^${ip}\\s`, 'm'));
  });

  test('an occupied port is one clear error, and the container can start later', async () => {
    const server = createServer().listen(0, '0.0.0.0');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const args = ['run', '-d', '--name', 'late', '-p', `${port}:80`, IMAGE, ...WEB];
    const failed = await machine.tryDocker(args);
    expect(failed.code).toBe(125);
    expect(failed.stderr).toContain(`Bind for 0.0.0.0:${port} failed: port is already allocated`);
    await new Promise((resolve) => server.close(resolve));
    await docker('start', 'late');
    await eventually(`http://127.0.0.1:${port}`).not.toBe('');
    await docker('rm', '-f', 'late');
    await expect(get(`http://127.0.0.1:${port}`)).rejects.toThrow();
  });

  test('a port comes with the container when it restarts', async () => {
    const before = await portOf('web');
    await docker('restart', '-t', '0', 'web');
    await eventually(`http://127.0.0.1:${await portOf('web')}`).not.toBe('');
    expect(before).toBeGreaterThan(0);
  });
});

describe('other network modes', () => {
  test('host shares this machine’s interfaces', async () => {
    expect(await out('run', '--rm', '--network', 'host', IMAGE, 'ip', 'addr')).toContain(`${hostAddress()}/`);
  });

  test('none has a loopback only', async () => {
    const links = await out('run', '--rm', '--network', 'none', IMAGE, 'ip', '-o', 'link');
    expect(links.split('\n')).toHaveLength(1);
    expect(links).toContain('lo:');
  });

  test('container: shares another’s', async () => {
    await docker('run', '-d', '--name', 'sidecar', '--network', 'container:web', IMAGE, 'sleep', '1000');
    expect(await getIn('sidecar', '127.0.0.1')).toBe(await out('exec', 'web', 'hostname'));
    await docker('rm', '-f', 'sidecar');
  });
});

describe('user-defined networks', () => {
  test('resolve names and aliases, and are apart from others', async () => {
    await docker('network', 'create', '--label', 'team=a', 'shop');
    await docker('run', '-d', '--name', 'db', '--network', 'shop', '--network-alias', 'store', IMAGE, ...WEB);
    const name = await out('exec', 'db', 'hostname');
    await docker('run', '-d', '--name', 'shopper', '--network', 'shop', IMAGE, 'sleep', '1000');
    for (const host of ['db', 'store', name]) await expect.poll(() => getIn('shopper', host)).toBe(name);
    const ip = await out('inspect', '-f', '{{.NetworkSettings.Networks.shop.IPAddress}}', 'db');
    expect(await getIn('shopper', ip)).toBe(name);
    expect(await getIn('client', ip)).toBe('');
    expect(await getIn('client', 'db')).toBe('');
    expect(await out('network', 'ls', '--filter', 'label=team=a', '--format', '{{.Name}} {{.Driver}}')).toBe(
      'shop bridge',
    );
  });

  test('are joined and left by a running container', async () => {
    await docker('network', 'connect', '--alias', 'front', 'shop', 'web');
    expect(await getIn('db', 'front')).toBe(await out('exec', 'web', 'hostname'));
    const ip = await out('inspect', '-f', '{{.NetworkSettings.Networks.shop.IPAddress}}', 'db');
    expect(await getIn('web', ip)).toBe(await out('exec', 'db', 'hostname'));
    await docker('network', 'disconnect', 'shop', 'web');
    expect(await out('exec', 'web', 'ip', '-o', 'link')).not.toContain('eth1');
    expect(await getIn('db', 'front')).toBe('');
  });

  test('are kept while used, and predefined ones always', async () => {
    const inUse = await machine.tryDocker(['network', 'rm', 'shop']);
    expect(inUse.code).toBe(1);
    expect(inUse.stderr).toContain('has active endpoints');
    expect((await machine.tryDocker(['network', 'rm', 'bridge'])).code).toBe(1);
  });

  test('live on when the daemon is killed, and are whole after its start', async () => {
    const name = await out('exec', 'web', 'hostname');
    const port = await portOf('web');
    await machine.restart('SIGKILL');
    expect(await get(`http://127.0.0.1:${port}`)).toBe(name);
    expect(await getIn('shopper', 'db')).toBe(await out('exec', 'db', 'hostname'));
    const taken = await machine.tryDocker(['run', '--rm', '-p', `${port}:80`, IMAGE, 'true']);
    expect(taken.stderr).toContain('port is already allocated');
    await docker('rm', '-f', 'web', 'db', 'shopper', 'client');
    await expect(get(`http://127.0.0.1:${port}`)).rejects.toThrow();
    expect(await out('network', 'prune', '-f')).toContain('shop');
    expect(await out('network', 'ls', '--format', '{{.Name}}')).toBe('bridge\nhost\nnone');
  });
});
