import type { Exchange } from './exchange.ts';
import type { SignIn } from './sign-in.ts';
import type { TokenEndpoint } from './token-endpoint.ts';

/**
 * What can be done to a repository; each includes nothing of the others. `delete` removes content and moves what rules
 * keep (tags, retention, collection); `administer` decides who may do what with it.
 */
export type Action = 'pull' | 'push' | 'delete' | 'administer';

/**
 * What a request needs: to be somebody (`login`), or at least to show a token, if only that of nobody (`proof`); actions
 * on repositories; or the right to administer the registry.
 */
export type Need =
  | { readonly kind: 'login' | 'proof' }
  | { readonly kind: 'repository'; readonly repository: string; readonly actions: readonly Action[] }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'administration' };

/** What a request says about who sends it. */
export interface AccessRequest {
  readonly authorization: string | undefined;
  /** Address of the peer. */
  readonly address: string;
  /** Verified client certificate, if the connection has one. */
  readonly certificate?: ClientCertificate | undefined;
  /** Where the client called: `https://HOST[:PORT]`, as it wrote the host. */
  readonly origin?: string | undefined;
  /** Value of the Cookie header, where sessions of browsers count. */
  readonly cookie?: string | undefined;
}

export interface ClientCertificate {
  /** Common name of the subject. */
  readonly name: string;
  /** Subject alternative names, as `DNS:…`, `URI:…`, `email:…`. */
  readonly alternatives: readonly string[];
}

/** How it was proved who calls. */
export type CallerProof = 'password' | 'session' | 'token' | 'bearer' | 'secret' | 'certificate' | 'socket';

/** Who calls, and what they may do. */
export interface Caller {
  /** `anonymous` for who shows no credentials. */
  readonly name: string;
  readonly kind: 'anonymous' | 'local' | 'user' | 'robot' | 'certificate' | 'workload';
  /** How it was proved who calls: only people who gave their password or signed in may change their own secrets. */
  readonly proof?: CallerProof | undefined;
  /** False for the anonymous caller of a registry that has users. */
  readonly loggedIn: boolean;
  may(action: Action, repository: string): boolean;
  /** What the same caller may with another token; `may` when absent. A refusal then asks for that token. */
  mayOtherwise?(action: Action, repository: string): boolean;
  /** Whether lists show the repository; `may('pull')` when absent. */
  sees?(repository: string): boolean;
  /** Whether the list of repositories is for this caller; whoever is logged in when absent. */
  readonly lists?: boolean | undefined;
  /** May change users, grants and everything else of the registry. */
  readonly administrator: boolean;
}

/** Decides who callers are and what they may do. */
export interface AccessControl extends AsyncDisposable {
  /**
   * The caller of a request. Without credentials it is the anonymous caller, who may be allowed something.
   *
   * @throws ACCESS_UNAUTHORIZED when credentials are shown and prove nobody
   */
  authenticate(request: AccessRequest): Promise<Caller>;
  /** Value of WWW-Authenticate for a request with these needs. */
  challenge(needs: readonly Need[], request: Pick<AccessRequest, 'origin' | 'authorization'>): string;
  /** Makes tokens for clients, where it does. */
  readonly tokens?: TokenEndpoint | undefined;
  /** Exchanges tokens of other services, where it does. */
  readonly exchange?: Exchange | undefined;
  /** Lets people sign in through another service, where it does. */
  readonly signIn?: SignIn | undefined;
}
