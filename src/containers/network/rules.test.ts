import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { hasJump, jumpPlace, jumpsTo, renderForwardChain } from './forward-rules.ts';
import { renderRuleset, type Ruleset } from './ruleset.ts';

const isRoot = process.getuid?.() === 0;
const hasNft = spawnSync('nft', ['--version']).status === 0;

const sample: Ruleset = {
  table: 'lade-0a1b2c3d',
  bridges: [
    { device: 'lade0', subnet: '172.20.0.0/20', internal: false, masquerade: true },
    { device: 'ld-aa', subnet: '172.20.16.0/20', internal: false, masquerade: false },
    { device: 'ld-in', subnet: '172.20.32.0/20', internal: true, masquerade: true },
  ],
  ports: [
    { protocol: 'tcp', hostIp: undefined, hostPort: 8080, ip: '172.20.0.2', containerPort: 80 },
    { protocol: 'udp', hostIp: '127.0.0.1', hostPort: 53, ip: '172.20.0.3', containerPort: 53 },
  ],
};

describe('the nftables table', () => {
  const text = renderRuleset(sample);
  const chainOf = (name: string): string => text.split(`chain ${name} {`)[1]?.split('}\n')[0] ?? '';

  test('replaces what was there', () => {
    expect(text.startsWith('table ip lade-0a1b2c3d\ndelete table ip lade-0a1b2c3d\n')).toBe(true);
    expect(renderRuleset({ ...sample, bridges: [] })).toBe(
      'table ip lade-0a1b2c3d\ndelete table ip lade-0a1b2c3d\n',
    );
  });

  test('holds published ports as elements of maps', () => {
    expect(text).toContain('elements = { tcp . 8080 : 172.20.0.2 . 80 }');
    expect(text).toContain('elements = { udp . 127.0.0.1 . 53 : 172.20.0.3 . 53 }');
  });

  test('masks only what asks for it and may leave', () => {
    expect(chainOf('outbound')).toContain('ip saddr 172.20.0.0/20 oifname != "lade0" masquerade');
    expect(chainOf('outbound')).not.toContain('oifname != "ld-aa"');
    expect(chainOf('outbound')).not.toContain('oifname != "ld-in"');
  });

  test('keeps networks apart', () => {
    expect(chainOf('between')).toContain('iifname "lade0" oifname { "ld-aa", "ld-in" } drop');
    expect(chainOf('between')).toContain('oifname "ld-in" iifname != "ld-in" drop');
  });

  test.skipIf(!isRoot || !hasNft)('is accepted by nft (needs root and nft)', () => {
    for (const ruleset of [sample, { ...sample, ports: [] }, { ...sample, bridges: [] }]) {
      const checked = spawnSync('nft', ['-c', '-f', '-'], {
        input: renderRuleset(ruleset),
        encoding: 'utf8',
      });
      expect(checked.stderr).toBe('');
      expect(checked.status).toBe(0);
    }
  });
});

describe('rules beside iptables', () => {
  const docker = ['-P INPUT ACCEPT', '-P FORWARD DROP', '-N DOCKER-USER', '-A FORWARD -j DOCKER-USER'].join(
    '\n',
  );
  const dropping = '-P FORWARD DROP\n';

  test('stand where dockerd allows them, or in FORWARD where it drops', () => {
    expect(jumpPlace(docker)).toBe('DOCKER-USER');
    expect(jumpPlace(dropping)).toBe('FORWARD');
    expect(jumpPlace('-P FORWARD ACCEPT\n')).toBeUndefined();
  });

  test('are found again by the exact name', () => {
    const listing = `${docker}\n-A DOCKER-USER -j LADE-1\n-A FORWARD -j LADE-1\n-A FORWARD -j LADE-12`;
    expect(jumpsTo(listing, 'LADE-1')).toEqual(['DOCKER-USER', 'FORWARD']);
    expect(hasJump(listing, 'FORWARD', 'LADE-12')).toBe(true);
    expect(hasJump(listing, 'FORWARD', 'LADE-2')).toBe(false);
  });

  test('let bridges through and leave what is for dockerd to dockerd', () => {
    const lines = renderForwardChain('LADE-1', ['lade0']).split('\n');
    expect(lines.slice(0, 2)).toEqual(['*filter', ':LADE-1 - [0:0]']);
    const returns = lines.indexOf('-A LADE-1 -i lade0 -o docker0 -j RETURN');
    expect(returns).toBeGreaterThan(0);
    expect(lines.indexOf('-A LADE-1 -i lade0 -j ACCEPT')).toBeGreaterThan(returns);
    expect(lines.slice(-2)).toEqual(['COMMIT', '']);
  });
});
