import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  bindMount,
  connectSeqpacket,
  errnoOf,
  fileLock,
  lgetXattr,
  llistXattr,
  lremoveXattr,
  lsetXattr,
  lutimesNs,
  mknod,
  mount,
  mountFileSystem,
  peerClosed,
  openInRoot,
  receiveFd,
  setWinsize,
  statfs,
  umount,
} from './index.ts';

let root: string;
const mounted: string[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lade-sys-'));
});
afterEach(() => {
  for (const target of mounted.splice(0).toReversed()) umount(target, { detach: true });
  rmSync(root, { recursive: true });
});

const directory = (name: string): string => {
  const path = join(root, name);
  mkdirSync(path, { recursive: true });
  return path;
};
const errnoOfCall = (call: () => unknown): string | undefined => {
  try {
    call();
  } catch (error) {
    return errnoOf(error);
  }
  throw new Error('the call succeeded');
};

const readIn = (path: string, noSymlinks = false): string => {
  const fd = openInRoot(root, path, { flags: constants.O_RDONLY, noSymlinks });
  try {
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
};

const python = async (script: string, path: string): Promise<ReturnType<typeof spawn>> => {
  const child = spawn('python3', ['-c', script, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
};

describe('mounts', () => {
  test('a tmpfs appears and disappears', () => {
    const target = directory('t');
    mount('none', target, 'tmpfs', 0, 'size=1m');
    mounted.push(target);
    expect(statfs(target)).toMatchObject({ typeName: 'tmpfs' });
    expect(execFileSync('stat', ['-f', '-c', '%T', target], { encoding: 'utf8' }).trim()).toBe('tmpfs');
    umount(target);
    mounted.pop();
    expect(statfs(target).typeName).not.toBe('tmpfs');
  });

  test('an overlay of 300 layers shows the topmost file and whiteouts', () => {
    const layers = Array.from({ length: 300 }, (_, index) => directory(`l/${index}`));
    writeFileSync(join(layers[0]!, 'a'), 'bottom');
    writeFileSync(join(layers[0]!, 'gone'), '');
    writeFileSync(join(layers[299]!, 'a'), 'top');
    mknod(join(layers[5]!, 'gone'), constants.S_IFCHR | 0o600, 0, 0);
    const target = directory('m');
    mountFileSystem({
      type: 'overlay',
      target,
      parameters: [
        ...layers.toReversed().map((layer) => ['lowerdir+', layer] as const),
        ['upperdir', directory('u')],
        ['workdir', directory('w')],
      ],
    });
    mounted.push(target);
    expect(readdirSync(target)).toEqual(['a']);
    expect(readFileSync(join(target, 'a'), 'utf8')).toBe('top');
    writeFileSync(join(target, 'b'), 'new');
    expect(existsSync(join(root, 'u/b'))).toBe(true);
  });

  test('a refused mount carries the words of the kernel', () => {
    expect(() =>
      mountFileSystem({ type: 'overlay', target: directory('m'), parameters: [['nonsense', '1']] }),
    ).toThrow(/nonsense/i);
    expect(errnoOfCall(() => mount('none', join(root, 'absent'), 'tmpfs'))).toBe('ENOENT');
  });

  test('a read-only bind refuses writes', () => {
    const [source, target] = [directory('s'), directory('b')];
    writeFileSync(join(source, 'f'), 'x');
    bindMount(source, target, { readonly: true });
    mounted.push(target);
    expect(readFileSync(join(target, 'f'), 'utf8')).toBe('x');
    expect(errnoOfCall(() => writeFileSync(join(target, 'f'), 'y'))).toBe('EROFS');
    writeFileSync(join(source, 'f'), 'z');
  });
});

describe('inodes', () => {
  test('extended attributes keep binary values, also on symbolic links', () => {
    const file = join(root, 'f');
    writeFileSync(file, '');
    const capability = Buffer.from('0100000280ff2000000000000000000000000000', 'hex');
    lsetXattr(file, 'security.capability', capability);
    const large = Buffer.alloc(3000, 0xfe);
    lsetXattr(file, 'user.large', large);
    expect(lgetXattr(file, 'security.capability')?.subarray(0, 8)).toEqual(capability.subarray(0, 8));
    expect(lgetXattr(file, 'user.large')).toEqual(large);
    expect(llistXattr(file).toSorted()).toEqual(['security.capability', 'user.large']);
    lremoveXattr(file, 'user.large');
    expect(lgetXattr(file, 'user.large')).toBeUndefined();

    const link = join(root, 'l');
    symlinkSync('f', link);
    lsetXattr(link, 'trusted.note', Buffer.from([0, 255]));
    expect(lgetXattr(link, 'trusted.note')).toEqual(Buffer.from([0, 255]));
    expect(lgetXattr(file, 'trusted.note')).toBeUndefined();
  });

  test('paths that are bytes name files that text cannot', () => {
    const path = Buffer.concat([Buffer.from(`${root}/`), Buffer.of(0xff, 0x41)]);
    mknod(path, constants.S_IFREG | 0o600);
    lutimesNs(path, 1n, 2_000_000_003n);
    lsetXattr(path, 'user.note', Buffer.from('n'));
    expect(readdirSync(root, { encoding: 'latin1' })).toEqual(['\xffA']);
    expect(lstatSync(path, { bigint: true }).mtimeNs).toBe(2_000_000_003n);
    expect(lgetXattr(path, 'user.note')?.toString()).toBe('n');
    expect(llistXattr(path)).toEqual(['user.note']);
    lremoveXattr(path, 'user.note');
    expect(llistXattr(path)).toEqual([]);
  });

  test('no path is cut or changed on its way', () => {
    const file = join(root, 'f');
    writeFileSync(file, '');
    writeFileSync(join(root, '\uFFFD'), '');
    for (const path of [`${file}\0g`, Buffer.from(`${file}\0g`), join(root, '\uDCFF')])
      expect(errnoOfCall(() => lutimesNs(path, 0n, 0n))).toBe('ENOENT');
    expect(errnoOfCall(() => openInRoot(root, 'f\0g', { flags: constants.O_RDONLY }))).toBe('ENOENT');
  });

  test('device numbers above eight bits are kept', () => {
    const path = join(root, 'd');
    mknod(path, constants.S_IFBLK | 0o640, 259, 70_000);
    expect(execFileSync('stat', ['-c', '%F %Hr %Lr', path], { encoding: 'utf8' }).trim()).toBe(
      'block special file 259 70000',
    );
    mknod(join(root, 'p'), constants.S_IFIFO | 0o600);
    expect(lstatSync(join(root, 'p')).isFIFO()).toBe(true);
  });

  test('times are set to the nanosecond, on the link itself, before 1970 too', () => {
    const link = join(root, 'l');
    symlinkSync('nowhere', link);
    lutimesNs(link, 1_000_000_001n, 1_700_000_000_123_456_789n);
    const stat = lstatSync(link, { bigint: true });
    expect([stat.atimeNs, stat.mtimeNs]).toEqual([1_000_000_001n, 1_700_000_000_123_456_789n]);
    lutimesNs(link, 0n, -1n);
    expect(lstatSync(link, { bigint: true }).mtimeNs).toBe(-1n);
  });
});

describe('fileLock', () => {
  test('is exclusive between processes and ends with its holder', async () => {
    const path = join(root, 'lock');
    {
      using held = fileLock(path);
      expect(held?.path).toBe(path);
      expect(fileLock(path)).toBeUndefined();
      expect(() => execFileSync('flock', ['-n', path, 'true'])).toThrow();
    }
    const other = spawn('flock', ['-nF', path, 'sh', '-c', 'echo held; exec sleep 60']);
    await once(other.stdout, 'data');
    expect(fileLock(path)).toBeUndefined();
    other.kill('SIGKILL');
    await once(other, 'exit');
    using mine = fileLock(path);
    expect(mine).toBeDefined();
  });
});

describe('openInRoot', () => {
  test('no path leaves the root', () => {
    directory('etc');
    writeFileSync(join(root, 'etc/hostname'), 'inside');
    symlinkSync('/etc/hostname', join(root, 'absolute'));
    symlinkSync('../../../../etc/hostname', join(root, 'climbing'));
    symlinkSync('/', join(root, 'top'));
    for (const path of [
      'etc/hostname',
      '../../etc/hostname',
      '/absolute',
      'climbing',
      'top/top/etc/hostname',
    ])
      expect(readIn(path)).toBe('inside');
    expect(errnoOfCall(() => readIn('absolute', true))).toBe('ELOOP');
    symlinkSync('/proc/self/root', join(root, 'magic'));
    expect(errnoOfCall(() => readIn('magic/etc/hostname'))).toBe('ENOENT');
  });

  test('creates files with the mode asked for', () => {
    const fd = openInRoot(root, 'new', { flags: constants.O_CREAT | constants.O_WRONLY, mode: 0o640 });
    closeSync(fd);
    expect(lstatSync(join(root, 'new')).mode & 0o777).toBe(0o640);
  });
});

describe('sockets', () => {
  test('packets keep their bounds, the half-close arrives, long paths work', async () => {
    const path = join(directory('d'.repeat(100)), 'attach');
    const server = await python(
      `
import socket, sys, os
os.chdir(os.path.dirname(sys.argv[1]))
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.bind('attach'); s.listen()
print('ready', flush=True)
c, _ = s.accept()
c.send(b'\\x02one'); c.send(b'\\x03two')
got = c.recv(100); end = c.recv(100)
c.send(b'got ' + got + b' then ' + str(len(end)).encode()); c.close()`,
      path,
    );
    const socket = connectSeqpacket(path);
    const packets: string[] = [];
    socket.on('data', (packet: Buffer) => packets.push(packet.toString()));
    socket.end('hello');
    await once(socket, 'end');
    expect(packets).toEqual(['\u0002one', '\u0003two', 'got hello then 0']);
    if (server.exitCode === null) await once(server, 'exit');
  });

  const held = (socket: Socket): Buffer[] => {
    const packets: Buffer[] = [];
    socket.on('data', (packet: Buffer) => packets.push(packet)).on('error', () => undefined);
    return packets;
  };

  test.each([false, true])(
    'a peer that goes without reading has been heard to its end (told to wait: %s)',
    async (paused) => {
      const path = join(root, 'rude');
      const server = await python(
        `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.bind(sys.argv[1]); s.listen()
print('ready', flush=True)
c, _ = s.accept()
sys.stdin.readline()
for number in range(10): c.send(bytes([number]) * 5000)
c.close()`,
        path,
      );
      const socket = connectSeqpacket(path);
      const packets = held(socket);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      // A write that fails takes the reset with it; then the peer just ends.
      socket.once('end', () => socket.end());
      if (paused) socket.once('data', () => setTimeout(() => socket.resume(), 50) && socket.pause());
      await new Promise((resolve) => socket.write('never read', resolve));
      server.stdin?.end('go\n');
      await once(server, 'exit');
      socket.write('to nobody');
      await closed;
      expect(packets.map((packet) => [packet.length, packet[0]])).toEqual(
        Array.from({ length: 10 }, (_, number) => [5000, number]),
      );
    },
  );

  test('a descriptor arrives over a unix socket', async () => {
    const path = join(root, 's');
    writeFileSync(join(root, 'passed'), 'content');
    const server = createServer({ pauseOnConnect: true }).listen(path);
    const child = spawn('python3', [
      '-c',
      'import socket,sys\ns=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1])\nf=open(sys.argv[2])\nsocket.send_fds(s,[b"x"*4096],[f.fileno()]*3)',
      path,
      join(root, 'passed'),
    ]);
    const [connection] = (await once(server, 'connection')) as [Socket];
    await once(child, 'exit');
    const { fd } = (connection as unknown as { _handle: { fd: number } })._handle;
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    const received = receiveFd(fd);
    expect(received).toBeTypeOf('number');
    expect(open()).toBe(before + 1);
    expect(readFileSync(received!, 'utf8')).toBe('content');
    closeSync(received!);
    connection.destroy();
    server.close();
  });

  test('a half-close is told from a close', async () => {
    const path = join(root, 'peer');
    const server = createServer({ allowHalfOpen: true }).listen(path);
    const client = connect({ path, allowHalfOpen: true });
    const [connection] = (await once(server, 'connection')) as [Socket];
    const { fd } = (connection as unknown as { _handle: { fd: number } })._handle;
    connection.resume();
    expect(peerClosed(fd)).toBe(false);
    client.end();
    await once(connection, 'end');
    expect(peerClosed(fd)).toBe(false);
    client.destroy();
    await once(client, 'close');
    expect(peerClosed(fd)).toBe(true);
    connection.destroy();
    server.close();
  });

  test('the size of a terminal is what stty reads', () => {
    const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
    setWinsize(master, 33, 121);
    const size = execFileSync('stty', ['size'], { stdio: [master, 'pipe', 'inherit'], encoding: 'utf8' });
    expect(size.trim()).toBe('33 121');
    closeSync(master);
  });
});
