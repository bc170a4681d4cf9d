import type { Migration } from '#database';

const noting = (table: string, event: 'INSERT' | 'UPDATE' | 'DELETE', columns: readonly string[]): string => `
CREATE TRIGGER ${table}_after_${event.toLowerCase()} AFTER ${event} ON ${table} BEGIN
  ${columns.map((column) => `INSERT INTO image_changes (image) VALUES (${column});`).join('\n  ')}
END;`;

/**
 * `image_changes` names every image whose record or names changed, in the order of the changes, whoever changed them:
 * what was read before that is read again. Rows that everybody has seen are deleted.
 */
export const changeMigrations: readonly Migration[] = [
  {
    room: 'store-changes',
    version: 1,
    sql: [
      'CREATE TABLE image_changes (sequence INTEGER PRIMARY KEY AUTOINCREMENT, image TEXT NOT NULL) STRICT;',
      noting('images', 'INSERT', ['NEW.id']),
      noting('images', 'UPDATE', ['NEW.id']),
      noting('images', 'DELETE', ['OLD.id']),
      noting('image_manifests', 'INSERT', ['NEW.image']),
      noting('image_manifests', 'DELETE', ['OLD.image']),
      noting('image_references', 'INSERT', ['NEW.image']),
      noting('image_references', 'UPDATE', ['OLD.image', 'NEW.image']),
      noting('image_references', 'DELETE', ['OLD.image']),
    ].join('\n'),
  },
];
