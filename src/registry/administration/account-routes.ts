import { accessErrors, type Caller } from '#access';
import type { Account, PersonalToken } from '#metadata';
import * as z from 'zod';
import { requireOldPassword } from './old-password.ts';
import { bodyOf, requireAdministrator, requireOf } from './request.ts';
import type { AdminRoutes } from './types.ts';

/** What a robot or a token may do. */
export const permission = z.strictObject({ pattern: z.string(), actions: z.array(z.string()).min(1) });
const expiry = z.int().positive().optional();

const newUser = z.strictObject({
  name: z.string(),
  password: z.string().optional(),
  administrator: z.boolean().optional(),
  description: z.string().max(500).optional(),
});
const userChange = z.strictObject({
  password: z.string().optional(),
  oldPassword: z.string().optional(),
  disabled: z.boolean().optional(),
  administrator: z.boolean().optional(),
});
const robotChange = z.strictObject({ disabled: z.boolean() });
const newRobot = z.strictObject({
  name: z.string(),
  permissions: z.array(permission).default([]),
  description: z.string().max(500).optional(),
  expiresMs: expiry,
});
const subject = z.strictObject({ kind: z.enum(['user', 'robot', 'group']), name: z.string() });
const grant = z.strictObject({ subject, pattern: z.string(), role: z.string() });
const grantKey = z.strictObject({ subject, pattern: z.string() });
const rotation = z.strictObject({ drop: z.boolean().default(false) });
const htpasswd = z.strictObject({ htpasswd: z.string() });

/** What is told of an account: never its hash. */
const accountView = ({ secretHash, origin, ...rest }: Account) => ({
  ...rest,
  origin,
  hasPassword: rest.kind === 'user' && secretHash !== undefined,
});

/** What is told of a token. */
export const tokenView = ({ digest: _digest, ...rest }: PersonalToken) => rest;

/** Administrators decide about every pattern; who is `admin` of a repository, about that one by its whole name. */
const mayGrant = (caller: Caller, pattern: string): boolean =>
  caller.administrator || (!pattern.includes('*') && caller.may('administer', pattern));

const requireGrantor = (caller: Caller, pattern: string): void => {
  if (!mayGrant(caller, pattern))
    throw accessErrors.denied({ name: caller.name, action: 'administer', repository: pattern.slice(0, 300) });
};

/** `/users` and `/robots` for administrators, `/grants` also for who is `admin` of what they are about. */
export const accountRoutes: AdminRoutes = (app, { storage, access, accounts }) => {
  const store = storage.metadata.accounts;

  app.get('/users', (c) => {
    requireAdministrator(c);
    return c.json({ users: store.accounts('user').map(accountView) });
  });
  app.post('/users', async (c) => {
    requireAdministrator(c);
    const user = await bodyOf(c, newUser);
    await accounts.addUser(user, c.get('cause'));
    return c.json({ name: user.name }, 201);
  });
  app.post('/htpasswd', async (c) => {
    requireAdministrator(c);
    const body = await bodyOf(c, htpasswd);
    return c.json({ added: await accounts.importUsers(body.htpasswd, c.get('cause')) });
  });
  app.post('/users/:name', async (c) => {
    requireAdministrator(c);
    const { oldPassword, ...change } = await bodyOf(c, userChange);
    const [name, cause] = [c.req.param('name'), c.get('cause')];
    if (change.password !== undefined && name === c.get('caller').name)
      await requireOldPassword(c, access, oldPassword);
    await accounts.changeUser(name, change, cause);
    return c.json({ name });
  });
  app.delete('/users/:name', async (c) => {
    requireAdministrator(c);
    await accounts.remove(c.req.param('name'), 'user', c.get('cause'));
    return c.body(null, 204);
  });

  app.get('/robots', (c) => {
    requireAdministrator(c);
    return c.json({ robots: store.accounts('robot').map(accountView) });
  });
  app.post('/robots', async (c) => {
    requireAdministrator(c);
    return c.json(await accounts.addRobot(await bodyOf(c, newRobot), c.get('cause')), 201);
  });
  app.post('/robots/:name/rotate', async (c) => {
    requireAdministrator(c);
    return c.json(await accounts.rotateRobot(c.req.param('name'), c.get('cause')));
  });
  app.post('/robots/:name', async (c) => {
    requireAdministrator(c);
    const { disabled } = await bodyOf(c, robotChange);
    await accounts.setDisabled(c.req.param('name'), disabled, c.get('cause'));
    return c.json({ name: c.req.param('name') });
  });
  app.delete('/robots/:name', async (c) => {
    requireAdministrator(c);
    await accounts.remove(c.req.param('name'), 'robot', c.get('cause'));
    return c.body(null, 204);
  });

  app.post('/signing-keys', async (c) => {
    requireAdministrator(c);
    const { drop } = await bodyOf(c, rotation);
    await access.tokens?.rotateKeys(drop, c.get('cause'));
    return c.json({ drop });
  });

  app.get('/grants', (c) => {
    requireOf(c, { kind: 'login' });
    const caller = c.get('caller');
    return c.json({ grants: store.grants().filter(({ pattern }) => mayGrant(caller, pattern)) });
  });
  app.put('/grants', async (c) => {
    requireOf(c, { kind: 'login' });
    const given = await bodyOf(c, grant);
    requireGrantor(c.get('caller'), given.pattern);
    await accounts.grant(given, c.get('cause'));
    return c.json(given);
  });
  app.delete('/grants', async (c) => {
    requireOf(c, { kind: 'login' });
    const given = await bodyOf(c, grantKey);
    requireGrantor(c.get('caller'), given.pattern);
    await accounts.ungrant(given, c.get('cause'));
    return c.body(null, 204);
  });
};
