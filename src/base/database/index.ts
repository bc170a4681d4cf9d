export { openDatabase } from './open-database.ts';
export { databaseErrors } from './errors.ts';
export type {
  Database,
  DatabaseOptions,
  Migration,
  Row,
  SqlValue,
  Statement,
  StatementResult,
  WriteOptions,
} from './types.ts';
