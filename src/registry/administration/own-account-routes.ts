import { accessErrors, type Caller } from '#access';
import * as z from 'zod';
import { permission, tokenView } from './account-routes.ts';
import { requireOldPassword } from './old-password.ts';
import { bodyOf, requireOf } from './request.ts';
import type { AdminRoutes } from './types.ts';

const newToken = z.strictObject({
  name: z.string(),
  owner: z.string().optional(),
  permissions: z.array(permission).optional(),
  expiresMs: z.int().positive().optional(),
});
const newPassword = z.strictObject({ password: z.string(), oldPassword: z.string().optional() });

/** Proofs that a thief of a token does not have. */
const OWN: ReadonlySet<string> = new Set(['password', 'session', 'certificate']);

/** Only who is there in person makes secrets for the account, not who holds one of its tokens. */
const requirePerson = (caller: Caller, what: string): void => {
  if (caller.kind !== 'local' && !OWN.has(caller.proof ?? '')) throw accessErrors.passwordNeeded({ what });
};

/** Whose tokens a request is about: the caller's own, or those of anybody whom an administrator names. */
const ownerOf = (caller: Caller, owner: string | undefined): string | undefined => {
  if (caller.administrator && (owner !== undefined || caller.kind !== 'user')) return owner;
  if (owner === undefined || owner === caller.name) return caller.name;
  throw accessErrors.denied({ name: caller.name, action: 'administer', repository: `the account ${owner}` });
};

/** `/account` and `/tokens`: what people do with their own accounts. */
export const ownAccountRoutes: AdminRoutes = (app, { storage, access, accounts }) => {
  const store = storage.metadata.accounts;

  app.get('/account', (c) => {
    requireOf(c, { kind: 'login' });
    const { name, kind, administrator, proof } = c.get('caller');
    const account = store.account(name);
    const groups = account?.groups ?? [];
    const mine = store
      .grants()
      .filter(({ subject }) =>
        subject.kind === 'group'
          ? groups.includes(subject.name) || subject.name === 'everyone' || subject.name === 'anonymous'
          : subject.kind === account?.kind && subject.name === name,
      )
      .map(({ subject, pattern, role }) => ({ subject, pattern, role }));
    return c.json({
      name,
      kind,
      administrator,
      proof,
      groups,
      grants: mine,
      permissions: account?.permissions ?? [],
    });
  });

  app.put('/account/password', async (c) => {
    requireOf(c, { kind: 'login' });
    const caller = c.get('caller');
    requirePerson(caller, 'a new password');
    const { password, oldPassword } = await bodyOf(c, newPassword);
    await requireOldPassword(c, access, oldPassword);
    await accounts.setPassword(caller.name, password, c.get('cause'));
    return c.json({ name: caller.name });
  });

  app.get('/tokens', (c) => {
    requireOf(c, { kind: 'login' });
    requirePerson(c.get('caller'), 'the list of tokens');
    const owner = ownerOf(c.get('caller'), c.req.query('owner'));
    return c.json({ tokens: store.tokens(owner).map(tokenView) });
  });

  app.post('/tokens', async (c) => {
    requireOf(c, { kind: 'login' });
    const caller = c.get('caller');
    const { owner, ...token } = await bodyOf(c, newToken);
    const whose = ownerOf(caller, owner) ?? caller.name;
    requirePerson(caller, 'a new token');
    return c.json(await accounts.addToken({ ...token, owner: whose }, c.get('cause')), 201);
  });

  app.delete('/tokens/:token', async (c) => {
    requireOf(c, { kind: 'login' });
    requirePerson(c.get('caller'), 'revoking a token');
    const owner = ownerOf(c.get('caller'), c.req.query('owner'));
    await accounts.revokeToken(accounts.findToken(c.req.param('token'), owner), c.get('cause'));
    return c.body(null, 204);
  });
};
