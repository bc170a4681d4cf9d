import { describe, expect, test } from 'vitest';
import { formatPlatform, hostPlatform, matchPlatform, parsePlatform, selectPlatform } from './index.ts';

describe('spelling', () => {
  test.each([
    ['linux/amd64', 'linux/amd64'],
    ['Linux/X86_64', 'linux/amd64'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm64/8', 'linux/arm64'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['linux/armhf', 'linux/arm/v7'],
    ['linux/armel', 'linux/arm/v6'],
    ['macos/arm64', 'darwin/arm64'],
    ['arm64', 'linux/arm64'],
    ['windows(10.0.17763)/amd64', 'windows/amd64'],
  ])('%s is %s', (given, normal) => expect(formatPlatform(parsePlatform(given))).toBe(normal));

  test('an operating system alone takes this machine', () => {
    expect(parsePlatform('linux')).toEqual(hostPlatform());
  });

  test.each(['', 'pdp11', 'linux/', '/amd64', 'linux/amd64/v1/x', 'linux/am d64'])('refuses %j', (text) => {
    expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ kind: 'invalid-argument' }));
  });
});

describe('selection', () => {
  const offer = (...platforms: string[]) =>
    platforms.map((text) => ({ text, platform: parsePlatform(text) }));
  const choose = (wanted: string, ...offered: string[]) =>
    selectPlatform(offer(...offered), parsePlatform(wanted))?.text;

  test('the exact one, else the nearest that runs', () => {
    expect(choose('linux/amd64', 'linux/386', 'linux/arm64', 'linux/amd64')).toBe('linux/amd64');
    expect(choose('linux/amd64/v3', 'linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4')).toBe(
      'linux/amd64/v2',
    );
    expect(choose('linux/arm/v7', 'linux/arm/v5', 'linux/arm/v6', 'linux/arm64')).toBe('linux/arm/v6');
    expect(choose('linux/arm64', 'linux/arm/v7', 'linux/arm64/v8')).toBe('linux/arm64/v8');
    expect(choose('linux/s390x', 'linux/amd64', 'windows/s390x')).toBeUndefined();
  });

  test('a lone descriptor without platform is left to its configuration', () => {
    expect(selectPlatform([{ platform: undefined }], hostPlatform())).toBeDefined();
    expect(
      selectPlatform([{ platform: undefined }, ...offer('linux/s390x')], parsePlatform('linux/amd64')),
    ).toBeUndefined();
  });

  test('a newer variant does not run', () => {
    expect(matchPlatform(parsePlatform('linux/arm/v7'), parsePlatform('linux/arm/v6'))).toBe(false);
    expect(matchPlatform(parsePlatform('linux/arm/v6'), parsePlatform('linux/arm/v7'))).toBe(true);
  });
});
