/** What components see of the database: rows, the link's status, what waits to be sent, how far the first load is. */
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { BrowserDatabase, PageLink, SyncState, SyncStatus } from 'crmesh';
import type { Board } from './open-board.ts';

/** The rows of a query, again after every commit that changed them; undefined before the first answer. */
export function useRows<T>(db: BrowserDatabase, sql: string, parameter?: string): readonly T[] | undefined {
  const [rows, setRows] = useState<readonly T[]>();
  useEffect(() => db.watch<T>(sql, parameter === undefined ? [] : [parameter], setRows), [db, sql, parameter]);
  return rows;
}

export function useLinkStatus(link: PageLink): SyncStatus {
  const subscribe = useCallback((changed: () => void) => link.on('status', changed), [link]);
  return useSyncExternalStore(subscribe, () => link.status);
}

/** Ids of what this replica wrote and no other has acknowledged; `written` is anything that changes with a write. */
export function usePending({ db, link }: Board, written: unknown): readonly string[] {
  const [pending, setPending] = useState<readonly string[]>([]);
  const status = useLinkStatus(link);
  const read = useMemo(() => pendingReader(db, setPending), [db]);
  useEffect(() => void read(), [read, status, written]);
  return pending;
}

/** One question at a time: what is asked meanwhile is answered by the next. */
function pendingReader(db: BrowserDatabase, show: (ids: readonly string[]) => void): () => Promise<void> {
  let asked = 0;
  return async () => {
    asked += 1;
    if (asked > 1) return;
    for (let answered = 0; answered < asked;) {
      answered = asked;
      const rows = await db.pending().catch(() => []);
      show(rows.map(({ pk }) => String(pk['id'] ?? pk['site'])));
    }
    asked = 0;
  };
}

/** Counted when the link has caught up, not watched: a count reads them all. */
export function useCityCount(db: BrowserDatabase, state: SyncState): number | undefined {
  const [count, setCount] = useState<number>();
  const isWhole = state !== 'open' && state !== 'connecting';
  useEffect(() => {
    if (!isWhole) return;
    db.query<{ readonly n: number }>('SELECT count(*) AS n FROM city').then(
      ([row]) => setCount(row?.n),
      () => undefined,
    );
  }, [db, isWhole]);
  return count;
}

export interface FirstLoad {
  readonly received: number;
  readonly total: number;
  readonly unit: 'changes' | 'kB';
}

/** Less is not worth a bar. */
const barChangesMin = 2_000;

/** How much of what the relay has is still to come, as an image or row by row; undefined when that is little, or not known. */
export function useFirstLoad({ db, link, relay }: Board): FirstLoad | undefined {
  const [load, setLoad] = useState<FirstLoad>();
  const { state } = useLinkStatus(link);
  useEffect(
    () =>
      link.on('progress', ({ image }) => {
        if (image !== undefined)
          setLoad({ received: kilobytes(image.receivedBytes), total: kilobytes(image.bytes), unit: 'kB' });
      }),
    [link],
  );
  useEffect(() => {
    if (state !== 'open') return undefined;
    const ended = new AbortController();
    let before = 0;
    void Promise.all([changesAt(relay.http, ended.signal), db.countChanges()]).then(([changes, held]) => {
      if (ended.signal.aborted) return;
      before = link.status.traffic.changesReceived;
      const total = changes - held;
      setLoad(total >= barChangesMin ? { received: 0, total, unit: 'changes' } : undefined);
    });
    const stop = link.on('progress', ({ changesReceived }) => {
      setLoad((known) =>
        known?.unit === 'changes' ? { ...known, received: Math.min(known.total, changesReceived - before) } : known,
      );
    });
    return () => {
      ended.abort();
      stop();
      setLoad(undefined);
    };
  }, [db, link, relay, state]);
  // An image comes while there is no session.
  return load?.unit === 'kB' && state !== 'connecting' ? undefined : load;
}

function kilobytes(bytes: number): number {
  return Math.ceil(bytes / 1_000);
}

/** 0 where nobody answers: the bar is a comfort, the link tells what is wrong. */
async function changesAt(url: string, signal: AbortSignal): Promise<number> {
  try {
    const answer = await fetch(url, { signal });
    const { changes = 0 } = (await answer.json()) as { readonly changes?: number };
    return changes;
  } catch {
    return 0;
  }
}
