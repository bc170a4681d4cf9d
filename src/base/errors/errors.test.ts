import { describe, expect, test } from 'vitest';
import { defineErrors, isLadeError, systemErrors, toLadeError } from './index.ts';
import { definedEntries } from './catalogue.ts';

const errors = defineErrors('sample-room', {
  thingNotFound: {
    kind: 'not-found',
    message: (p: { name: string }) => `no ${p.name}`,
    hint: (p: { name: string }) => `make ${p.name} first`,
  },
});

describe('catalogues', () => {
  test('derive a stable code from room and name', () => {
    const error = errors.thingNotFound({ name: 'x' });
    expect(error).toMatchObject({
      kind: 'not-found',
      code: 'SAMPLE_ROOM_THING_NOT_FOUND',
      message: 'no x',
      hint: 'make x first',
      details: { name: 'x' },
    });
    expect(errors.thingNotFound.is(error)).toBe(true);
    expect(isLadeError(error, 'conflict')).toBe(false);
  });

  test('make one factory of each row, and nothing of other names', () => {
    expect(errors.thingNotFound).toBe(errors.thingNotFound);
    expect(Reflect.get(errors, 'toString')).toBeUndefined();
    expect(Reflect.get(errors, Symbol.toStringTag)).toBeUndefined();
  });

  test('are listed for the documentation', () => {
    const entry: unknown = expect.objectContaining({ kind: 'not-found' });
    expect(definedEntries().get('sample-room')).toEqual([{ code: 'SAMPLE_ROOM_THING_NOT_FOUND', entry }]);
  });
});

describe('toLadeError', () => {
  test('keeps a LadeError and classifies errno, also behind a cause', () => {
    const own = errors.thingNotFound({ name: 'x' });
    expect(toLadeError(own)).toBe(own);
    const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
    expect(systemErrors.diskFull.is(toLadeError(full))).toBe(true);
    expect(toLadeError(new Error('fetch failed', { cause: full })).kind).toBe('unavailable');
    const later = new Error('the disk is still full');
    expect(toLadeError(new SuppressedError(later, new SuppressedError(later, own)))).toBe(own);
    expect(toLadeError('odd').kind).toBe('internal');
  });
});
