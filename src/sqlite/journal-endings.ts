/** What SQLite may leave beside a database file; beside another file in its place it would be replayed over that one. */
export const JOURNAL_ENDINGS: readonly string[] = ['-wal', '-journal', '-shm'];
