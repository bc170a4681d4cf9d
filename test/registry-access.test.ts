/** Who may do what in Lade's registry, by the program, its verbs and the docker command line. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LADE, startRegistry, type RegistryService } from './support/lade.ts';
import { mustRun, run, type Finished } from './support/process.ts';
import { createScratch, type Scratch } from './support/scratch.ts';

let scratch: Scratch;
let registry: RegistryService;
let address: string;

beforeAll(async () => {
  scratch = createScratch();
  registry = await startRegistry(scratch.join('root'), '--access', '--log-level', 'error');
  ({ address } = registry);
  for (const [name, ...flags] of [['ann'], ['root', '--administrator']] as const)
    await verb(['user', 'add', '--password-stdin', ...flags, name], `${name}-password`);
  await verb(['grant', 'add', 'writer', 'team/**', '--user', 'ann']);
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  scratch?.[Symbol.dispose]();
});

const env = (): NodeJS.ProcessEnv => ({
  ...process.env,
  LADE_REGISTRY: `unix://${scratch.join('root', 'registry.sock')}`,
  DOCKER_CONFIG: scratch.join('docker'),
  DOCKER_HOST: `unix://${scratch.join('none.sock')}`,
});

/** `lade registry …` on the socket. */
const verb = (args: readonly string[], input = ''): Promise<Finished> =>
  mustRun(LADE, ['registry', ...args], { env: env(), input });

const login = (name: string, password: string): Promise<Finished> =>
  run('docker', ['login', '-u', name, '--password-stdin', address], { env: env(), input: password });

/** Status of a request with Basic credentials. */
const status = async (name: string, password: string, path: string, method = 'GET'): Promise<number> => {
  const authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
  return (await fetch(`http://${address}${path}`, { method, headers: { authorization } })).status;
};

describe('docker login', () => {
  test('takes passwords, personal tokens and robots, and nothing else', async () => {
    const token = (await verb(['token', 'create', '--user', 'ann', 'laptop'])).stdout.trim();
    const robot = (
      await verb(['robot', 'create', 'ci', '--repository', 'team/**', '--action', 'push'])
    ).stdout.trim();
    for (const [name, secret] of [
      ['ann', 'ann-password'],
      ['ann', token],
      ['robot+ci', robot],
    ] as const) {
      const done = await login(name, secret);
      expect([name, done.code, done.stdout]).toEqual([name, 0, expect.stringContaining('Login Succeeded')]);
    }
    expect((await login('ann', 'wrong-password')).code).not.toBe(0);
    expect((await login('root', token)).code).not.toBe(0);
    await verb(['token', 'revoke', '--user', 'ann', 'laptop']);
    expect((await login('ann', token)).code).not.toBe(0);
    await verb(['robot', 'rotate', 'ci']);
    expect((await login('robot+ci', robot)).code).not.toBe(0);
  });

  test('is what the verbs use from elsewhere', async () => {
    await login('root', 'root-password');
    const remote = { env: { ...env(), LADE_REGISTRY: `http://${address}` } };
    const me = JSON.parse((await mustRun(LADE, ['registry', 'whoami', '--json'], remote)).stdout) as object;
    expect(me).toMatchObject({ name: 'root', administrator: true, proof: 'password' });
    await login('ann', 'ann-password');
    const refused = await run(LADE, ['registry', 'user', 'ls'], remote);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('may not administer')]);
    const password = { ...remote, input: 'ann-password\nanother-password\n' };
    await mustRun(LADE, ['registry', 'user', 'passwd', '--password-stdin'], password);
    expect(await status('ann', 'ann-password', '/v2/')).toBe(401);
    expect(await status('ann', 'another-password', '/v2/')).toBe(200);
  });
});

describe('the verbs', () => {
  test('list users, robots, tokens and grants as tables, JSON and by templates, without secrets', async () => {
    await verb(['token', 'create', '--user', 'root', '--repository', 'a/**', '--expires', '30d', 'short']);
    expect((await verb(['user', 'ls'])).stdout).toMatch(
      /^NAME +STATE +SIGN-IN +LAST USED\nann +user +password/,
    );
    expect((await verb(['user', 'ls', '--format', '{{.Name}}'])).stdout).toBe('ann\nroot\n');
    expect((await verb(['grant', 'ls', '--format', '{{.Subject}} {{.Role}} {{.Pattern}}'])).stdout).toBe(
      'ann writer team/**\n',
    );
    const tokens = (await verb(['token', 'ls', '--json'])).stdout;
    expect(JSON.parse(tokens.split('\n')[0] ?? '')).toMatchObject({
      owner: 'root',
      name: 'short',
      permissions: [{ pattern: 'a/**', actions: ['pull'] }],
    });
    expect(tokens).not.toMatch(/ladepat_|digest/);
  });

  test('disable and enable, remove, and take a grant back, at once', async () => {
    await verb(['user', 'add', '--password-stdin', 'eve'], 'eve-password');
    await verb(['grant', 'add', 'reader', 'team/**', '--user', 'eve']);
    const read = (): Promise<number> => status('eve', 'eve-password', '/v2/team/app/manifests/none');
    expect(await read()).toBe(404);
    await verb(['user', 'disable', 'eve']);
    expect(await read()).toBe(401);
    await verb(['user', 'enable', 'eve']);
    expect(await read()).toBe(404);
    await verb(['grant', 'rm', 'team/**', '--user', 'eve']);
    expect(await read()).toBe(403);
    await verb(['user', 'rm', 'eve']);
    expect(await read()).toBe(401);
  });

  test('print credentials that docker and Kubernetes take', async () => {
    const { stdout } = await verb(['docker-config', '--robot', 'puller', '--repository', 'team/**', address]);
    const { auths } = JSON.parse(stdout) as { auths: Record<string, { auth: string }> };
    const [name = '', secret = ''] = Buffer.from(auths[address]?.auth ?? '', 'base64')
      .toString()
      .split(':');
    expect([name, await status(name, secret, '/v2/')]).toEqual(['robot+puller', 200]);
    expect(await status(name, secret, '/v2/team/app/blobs/uploads/', 'POST')).toBe(403);
    const secretYaml = (
      await verb(['kubernetes-secret', '--user', 'ann', '--password-stdin', '-n', 'apps', 'r.example'], 'pw')
    ).stdout;
    const encoded = /\.dockerconfigjson: (\S+)/.exec(secretYaml)?.[1] ?? '';
    expect(JSON.parse(Buffer.from(encoded, 'base64').toString())).toEqual({
      auths: { 'r.example': { auth: Buffer.from('ann:pw').toString('base64') } },
    });
    expect(secretYaml).toContain('type: kubernetes.io/dockerconfigjson');
  });

  test('take no password as an argument', async () => {
    const help = await run(LADE, ['registry', 'user', 'add', '--help'], { env: env() });
    expect(help.stdout).not.toMatch(/--password(?!-stdin)\b/);
  });
});

test('accounts and tokens outlive kill -9, and no secret is in the root as it is', async () => {
  const { token } = (await (
    await fetch(`http://${address}/token?scope=repository:team/app:pull`, {
      headers: { authorization: `Basic ${Buffer.from('root:root-password').toString('base64')}` },
    })
  ).json()) as { token: string };
  const robot = (await verb(['robot', 'create', 'kept', '--repository', '**'])).stdout.trim();
  await registry.service.kill('SIGKILL');
  for (const file of readdirSync(scratch.join('root'), { withFileTypes: true }).filter((one) => one.isFile()))
    for (const secret of [robot, 'root-password', token])
      expect(readFileSync(scratch.join('root', file.name)).includes(secret)).toBe(false);
  registry = await startRegistry(scratch.join('root'), '--access', '--log-level', 'error');
  ({ address } = registry);
  expect(await status('robot+kept', robot, '/v2/x/manifests/none')).toBe(404);
  const bearer = { headers: { authorization: `Bearer ${token}` } };
  expect((await fetch(`http://${address}/v2/team/app/manifests/none`, bearer)).status).toBe(404);
});
