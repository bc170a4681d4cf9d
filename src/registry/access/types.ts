/** What can be done to a repository; each includes nothing of the others. */
export type Action = 'pull' | 'push' | 'delete';

/** What a request needs: to be somebody, actions on repositories, or the right to administer the registry. */
export type Need =
  | { readonly kind: 'login' }
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
}

export interface ClientCertificate {
  /** Common name of the subject. */
  readonly name: string;
  /** Subject alternative names, as `DNS:…`, `URI:…`, `email:…`. */
  readonly alternatives: readonly string[];
}

/** Who calls, and what they may do. */
export interface Caller {
  /** `anonymous` for who shows no credentials. */
  readonly name: string;
  readonly kind: 'anonymous' | 'local' | 'user' | 'robot' | 'certificate' | 'workload';
  /** False for the anonymous caller of a registry that has users. */
  readonly loggedIn: boolean;
  may(action: Action, repository: string): boolean;
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
  /** Value of WWW-Authenticate for a request with these needs, on the host that the client called. */
  challenge(needs: readonly Need[], host: string | undefined): string;
}
