/** The page: who and how, what is new, and the three lanes. */
import type { ReactNode } from 'react';
import type { SyncState } from 'crmesh';
import { useCityCount, useFirstLoad, useLinkStatus, usePending, useRows } from './board-hooks.ts';
import { FirstLoadBar } from './first-load-bar.tsx';
import { Icon } from './icons.tsx';
import { LaneList } from './lane-list.tsx';
import { LastChange } from './last-change.tsx';
import { NameField } from './name-field.tsx';
import type { Board } from './open-board.ts';
import { Refusal } from './refusal.tsx';
import { RelayForm } from './relay-form.tsx';
import { SyncPanel } from './sync-panel.tsx';
import { TaskForm } from './task-form.tsx';
import { lanes, tasksSql, type Task } from './tasks.ts';

export function App({ board }: { readonly board: Board }): ReactNode {
  const tasks = useRows<Task>(board.db, tasksSql);
  const pending = usePending(board, tasks);
  const status = useLinkStatus(board.link);
  const load = useFirstLoad(board);
  return (
    <>
      <header className="top">
        <div className="title">
          <img src={new URL('./icon.svg', import.meta.url).href} alt="" width="40" height="40" />
          <div>
            <h1>City board</h1>
            <p>Every window is a replica. Go offline, write, come back.</p>
          </div>
        </div>
        <NameField db={board.db} />
        <SyncPanel board={board} status={status} pending={pending.length} />
      </header>
      <main>
        <Refusal board={board} status={status} />
        {load === undefined ? null : <FirstLoadBar load={load} />}
        <TaskForm db={board.db} />
        <LastChange tasks={tasks ?? []} ownSite={board.db.siteId} />
        <div className="lanes" aria-busy={tasks === undefined}>
          {lanes.map((lane) => (
            <LaneList
              key={lane}
              lane={lane}
              tasks={(tasks ?? []).filter((task) => task.lane === lane)}
              board={board}
              pending={pending}
            />
          ))}
        </div>
      </main>
      <footer className="bottom">
        <StorageFact board={board} state={status.state} />
        <details>
          <summary>Relay</summary>
          <RelayForm />
        </details>
      </footer>
    </>
  );
}

interface StorageFactProps {
  readonly board: Board;
  readonly state: SyncState;
}

function StorageFact({ board, state }: StorageFactProps): ReactNode {
  const { persisted, storage } = board.db.status;
  const cities = useCityCount(board.db, state);
  return (
    <p className="storage" data-testid="storage">
      <Icon shape="disk" />
      {persisted ? `Persisted in this browser (${storage})` : 'Not persisted: gone with the last tab'}
      {cities === undefined || cities === 0 ? '' : `: ${cities.toLocaleString('en')} cities and every task`}
    </p>
  );
}
