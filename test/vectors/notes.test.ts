/** The pages of rust-port-notes against the code: tables as the store makes them, limits and codes that exist, every message and event. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isErrorCode } from '../../src/core/errors.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { TRANSITIONS } from '../../src/session/step.ts';
import { root } from '../house/house.ts';
import { openTestStore } from '../store/test-store.ts';
import { vectorMessages } from './frame-vectors.ts';

const folder = join(root, 'rust-port-notes');
const pages = Object.fromEntries(
  readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
);

/** Names in capitals that are no error codes. */
const OTHER_NAMES = new Set([
  'PEER_LOST_HISTORY',
  'OWN_HISTORY_LOST',
  'CURRENT_TIME',
  'CURRENT_DATE',
  'CURRENT_TIMESTAMP',
]);

const withoutComments = (sql: string): string => sql.replaceAll(/--[^\n]*/g, '');
const inOneSpelling = (sql: string): string => withoutComments(sql).replaceAll(/\s+/g, '').replace('IFNOTEXISTS', '');

describe('the notes for a port', () => {
  test('have the tables that a store makes', () => {
    const [, sql = ''] = /```sql\n(CREATE TABLE crmesh_self[\s\S]*?)```/.exec(pages['storage.md']!) ?? [];
    const written = withoutComments(sql)
      .split(';')
      .map(inOneSpelling)
      .filter((statement) => statement !== '');
    const store = openTestStore({ tables: [] });
    store.migrate('CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, title TEXT);');
    const made = store.connection
      .prepare(`SELECT sql FROM sqlite_master WHERE tbl_name LIKE 'crmesh\\_%' ESCAPE '\\' AND sql IS NOT NULL`)
      .all()
      .map(([text]) => inOneSpelling(String(text)));
    store.close();
    expect(written.sort()).toEqual(made.sort());
  });

  test.each(Object.keys(pages))('%s names limits that exist', (name) => {
    const named = [...pages[name]!.matchAll(/`?limits\.(\w+)`/g)].map((match) => match[1]!);
    expect(named.filter((limit) => limit !== 'name' && !Object.hasOwn(DEFAULT_LIMITS, limit))).toEqual([]);
  });

  test.each(Object.keys(pages))('%s names error codes that exist', (name) => {
    const named = [...pages[name]!.matchAll(/(?<![\w`-])[A-Z]+(?:_[A-Z]+)+(?!\w)/g)].map(([code]) => code);
    expect(named.filter((code) => !isErrorCode(code) && !OTHER_NAMES.has(code))).toEqual([]);
  });

  test('say what every event and every message does', () => {
    const page = pages['session-machine.md']!;
    const types = Object.values(vectorMessages()).map(({ message }) => message.type);
    const names = new Set([...Object.keys(TRANSITIONS.open), ...types]);
    const inTables = page.split('\n').filter((line) => line.startsWith('| '));
    const isNamed = (name: string): boolean =>
      inTables.some((line) => new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(line.split('|')[1]!));
    expect([...names].filter((name) => !isNamed(name) && name !== 'message')).toEqual([]);
  });
});
