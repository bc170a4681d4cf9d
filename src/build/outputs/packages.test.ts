import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseDigest } from '#oci';
import { readAnnotations } from './annotations.ts';
import {
  readApk,
  readDpkg,
  readOsRelease,
  readPackageJson,
  readPackageLock,
  readPython,
  type FoundPackage,
} from './packages.ts';
import { packageUrl, spdxDocument } from './spdx.ts';

const STATUS = '/var/lib/dpkg/status';

const shown = (packages: readonly FoundPackage[]): readonly string[] =>
  packages.map(({ name, version }) => `${name} ${version}`);

describe('package managers', () => {
  test('dpkg: what is installed, with continued lines and a source', () => {
    const text = `Package: libc6
Status: install ok installed
Maintainer: GNU Libc <libc@example.org>
Architecture: amd64
Source: glibc (2.41-1)
Version: 2.41-1+deb13u1
Description: GNU C Library
 Version: not this one
 .

Package: old
Status: deinstall ok config-files
Version: 1

Package: held
Status: hold ok installed
Version: 1:3-4~rc1
`;
    expect(shown(readDpkg(text, 'x'))).toEqual(['libc6 2.41-1+deb13u1', 'held 1:3-4~rc1']);
    expect(readDpkg(text, 'x')[0]).toMatchObject({
      origin: 'glibc',
      supplier: 'GNU Libc <libc@example.org>',
    });
  });

  test.skipIf(!existsSync(STATUS))('dpkg: what dpkg-query says of a machine of Debian', () => {
    const format = '${db:Status-Status} ${Package} ${Version} ${Architecture}\\n';
    const listed = execFileSync('dpkg-query', ['-W', '-f', format], { encoding: 'utf8' }).trim().split('\n');
    const installed = listed.filter((line) => line.startsWith('installed '));
    const read = readDpkg(readFileSync(STATUS, 'utf8'), 'x');
    const ours = read.map(
      ({ name, version, architecture }) => `installed ${name} ${version} ${architecture}`,
    );
    expect(ours.toSorted()).toEqual(installed.toSorted());
  });

  test('dpkg: files of distroless images have no status', () => {
    expect(shown(readDpkg('Package: tzdata\nVersion: 2025a-1\nArchitecture: all\n', 'x'))).toEqual([
      'tzdata 2025a-1',
    ]);
  });

  test('apk: keys are letters of either case', () => {
    const text =
      'C:Q1x\nP:musl\nV:1.2.5-r9\nA:x86_64\nL:MIT\no:musl\nF:lib\nR:ld.so\na:0:0:755\n\nP:no-version\n\n';
    expect(readApk(text, 'x')).toMatchObject([
      { name: 'musl', version: '1.2.5-r9', architecture: 'x86_64', license: 'MIT' },
    ]);
  });

  test('npm: modules, and lock files of every version without what only development needs', () => {
    expect(shown(readPackageJson('{"name":"@a/b","version":"1.0.0"}', 'x'))).toEqual(['@a/b 1.0.0']);
    expect(readPackageJson('{"private":true}', 'x')).toEqual([]);
    expect(readPackageJson('no json', 'x')).toEqual([]);
    const third = {
      lockfileVersion: 3,
      packages: {
        '': { name: 'app', version: '1.0.0' },
        'node_modules/a': { version: '1.0.0', license: 'ISC' },
        'node_modules/a/node_modules/@s/b': { version: '2.0.0' },
        'node_modules/dev': { version: '3.0.0', dev: true },
        'node_modules/linked': { resolved: 'packages/linked', link: true },
      },
    };
    expect(shown(readPackageLock(JSON.stringify(third), 'x'))).toEqual(['a 1.0.0', '@s/b 2.0.0']);
    const first = {
      dependencies: {
        a: { version: '1.0.0', dependencies: { b: { version: '2.0.0' } } },
        d: { version: '1', dev: true },
      },
    };
    expect(shown(readPackageLock(JSON.stringify(first), 'x'))).toEqual(['a 1.0.0', 'b 2.0.0']);
  });

  test('Python: the header only', () => {
    expect(shown(readPython('Metadata-Version: 2.1\nName: Zope\nVersion: 5.1\n\nVersion: 9\n', 'x'))).toEqual(
      ['Zope 5.1'],
    );
  });

  test('distributions name themselves', () => {
    expect(readOsRelease('NAME="Debian"\nID=debian\nVERSION_ID="13"\n')).toEqual({
      id: 'debian',
      version: '13',
    });
    expect(readOsRelease('NAME=x\n')).toBeUndefined();
  });
});

describe('SPDX', () => {
  test('package URLs are those of purl-spec', () => {
    const debian = { id: 'debian', version: '13' };
    const one = (type: FoundPackage['type'], name: string, version: string, architecture?: string) =>
      packageUrl({ type, name, version, architecture, foundIn: 'x' }, debian);
    expect(one('deb', 'bash', '1:5.2+b1', 'amd64')).toBe(
      'pkg:deb/debian/bash@1:5.2%2Bb1?arch=amd64&distro=debian-13',
    );
    expect(one('npm', '@angular/core', '1.0.0')).toBe('pkg:npm/%40angular/core@1.0.0');
    expect(one('pypi', 'Foo_Bar', '1')).toBe('pkg:pypi/foo-bar@1');
  });

  test('a document has unique IDs of allowed letters, and relations that lead somewhere', () => {
    const packages: readonly FoundPackage[] = [
      { type: 'npm', name: '@a/b', version: '1', license: 'MIT OR Apache-2.0', foundIn: 'x' },
      { type: 'npm', name: '@a/b', version: '2', license: 'SEE LICENSE IN file', foundIn: 'y' },
      { type: 'npm', name: 'c', version: '1', license: 'UNLICENSED', foundIn: 'z' },
      { type: 'apk', name: 'd', version: '1', license: 'GPL-2.0-only AND BSD', foundIn: 'z' },
      { type: 'deb', name: 'e', version: '1', supplier: 'A (of B) Team <a@b.c>', foundIn: 'z' },
    ];
    const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
    const subject = { name: 'n', digest, created: '2026-01-01T00:00:00.123456789Z' };
    const document = spdxDocument({ distribution: undefined, packages, leftOut: [] }, subject) as {
      creationInfo: { created: string };
      packages: { SPDXID: string; licenseDeclared: string; supplier?: string }[];
      relationships: { relatedSpdxElement: string }[];
    };
    const ids = document.packages.map(({ SPDXID }) => SPDXID);
    expect(new Set(ids).size).toBe(6);
    for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
    expect(document.relationships.every(({ relatedSpdxElement: to }) => ids.includes(to))).toBe(true);
    expect(document.packages.slice(1).map(({ licenseDeclared }) => licenseDeclared)).toEqual([
      'MIT OR Apache-2.0',
      'NOASSERTION',
      'NOASSERTION',
      'NOASSERTION',
      'NOASSERTION',
    ]);
    expect(document.packages.at(-1)?.supplier).toBe('Person: A of B Team (a@b.c)');
    expect(document.creationInfo.created).toBe('2026-01-01T00:00:00Z');
  });
});

describe('annotations', () => {
  test('go to their levels and platforms; without a level to the manifest', () => {
    const set = readAnnotations(
      { a: '1', 'index:b': '2', 'manifest[linux/arm64]:c': '3', 'manifest,index:d': '4', 'org.x:y': '5' },
      true,
    );
    expect(set.of('manifest', 'linux/amd64')).toEqual({ a: '1', d: '4', 'org.x:y': '5' });
    expect(set.of('manifest', 'linux/arm64')).toEqual({ a: '1', c: '3', d: '4', 'org.x:y': '5' });
    expect(set.of('index')).toEqual({ b: '2', d: '4' });
  });
});
