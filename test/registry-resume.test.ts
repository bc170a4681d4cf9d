/** Pushes and pulls of other people's clients that are cut off in the middle, and begun again. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGate, type Gate } from './support/gate.ts';
import {
  blobsIn,
  fromSid,
  startClientSite,
  withoutSid,
  type ClientSite,
} from './support/registry-clients.ts';

const missing = withoutSid('bin/crane', 'bin/oras');

/** Words that push the layout's index to a reference, and that pull it into a layout. */
const CLIENTS = {
  skopeo: {
    program: 'skopeo',
    push: (layout: string, to: string) => [
      'copy',
      '-q',
      '--all',
      '--dest-tls-verify=false',
      `oci:${layout}:1`,
      `docker://${to}`,
    ],
    pull: (from: string, layout: string) => [
      'copy',
      '-q',
      '--all',
      '--src-tls-verify=false',
      `docker://${from}`,
      `oci:${layout}`,
    ],
  },
  crane: {
    program: fromSid('bin/crane'),
    push: (layout: string, to: string) => ['push', '--index', layout, to],
    pull: (from: string, layout: string) => ['pull', '--format', 'oci', from, layout],
  },
  oras: {
    program: fromSid('bin/oras'),
    push: (layout: string, to: string) => [
      'copy',
      '--no-tty',
      '--from-oci-layout',
      `${layout}:1`,
      '--to-plain-http',
      to,
    ],
    pull: (from: string, layout: string) => [
      'copy',
      '--no-tty',
      '--from-plain-http',
      from,
      '--to-oci-layout',
      `${layout}:1`,
    ],
  },
} as const;

describe.skipIf(missing !== '')(`transfers cut off${missing}`, () => {
  let site: ClientSite;
  let gate: Gate;
  beforeAll(async () => {
    site = await startClientSite('plain HTTP');
    gate = site.stack.use(await startGate(site.address));
  });
  afterAll(() => site?.[Symbol.asyncDispose]());

  test.each(['skopeo', 'crane', 'oras'] as const)(
    '%s pushes and pulls the whole all the same',
    async (name) => {
      const { program, push, pull } = CLIENTS[name];
      const client = site.client(name);
      const { layout, blobs, digest } = site.image;
      gate.cutUpload(1_000_000);
      // Some begin again by themselves.
      await client.attempt(program, push(layout, `${gate.address}/cut/${name}:v1`));
      await client.run(program, ...push(layout, `${gate.address}/cut/${name}:v1`));
      const whole = `${site.address}/cut/${name}@${digest}`;
      expect((await site.judge(whole)).blobs).toEqual(blobs);
      const large = blobs
        .map((hex) => ({ hex, size: readFileSync(`${layout}/blobs/sha256/${hex}`).length }))
        .toSorted((a, b) => b.size - a.size)[0];
      gate.hold(`sha256:${large?.hex ?? ''}`, 1_000_000);
      const words = pull(`${gate.address}/cut/${name}@${digest}`, client.scratch.join('back'));
      const child = spawn(program, words, { env: client.env, stdio: 'ignore' });
      const ended = once(child, 'exit');
      await gate.held();
      child.kill('SIGKILL');
      await ended;
      gate.open();
      await client.run(program, ...words);
      expect(blobsIn(client.scratch.join('back'))).toEqual(expect.arrayContaining([...blobs]));
    },
  );
});
