const STATEMENT = 'https://in-toto.io/Statement/v1';

/** What a statement is about (in-toto, ResourceDescriptor). */
export interface StatementSubject {
  readonly name: string;
  readonly digest: Readonly<Record<string, string>>;
}

/** A statement (in-toto v1) as JSON. */
export const statementBytes = (
  subject: readonly StatementSubject[],
  { predicateType, predicate }: { readonly predicateType: string; readonly predicate: object },
): Buffer => Buffer.from(JSON.stringify({ _type: STATEMENT, subject, predicateType, predicate }));
