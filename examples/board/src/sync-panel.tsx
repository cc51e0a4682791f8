/** The offline switch, and in words how this window stands with the relay. */
import type { ReactNode } from 'react';
import type { SyncStatus } from 'crmesh';
import { setOnline, type Board } from './open-board.ts';

interface SyncPanelProps {
  readonly board: Board;
  readonly status: SyncStatus;
  /** Rows that no other replica has acknowledged. */
  readonly pending: number;
}

type Mood = 'good' | 'busy' | 'away' | 'bad';

export function SyncPanel({ board, status, pending }: SyncPanelProps): ReactNode {
  const online = status.state !== 'paused';
  const { text, mood } = saidOf(status, pending);
  return (
    <div className="sync">
      <button type="button" role="switch" aria-checked={online} onClick={() => setOnline(board, !online)}>
        <span className="track" aria-hidden="true" />
        Online
      </button>
      <p className="pills" role="status">
        <span className="pill" data-mood={mood} data-testid="sync">
          {text}
        </span>
        <span className="pill" data-mood={pending === 0 ? 'quiet' : 'away'} data-testid="pending" data-count={pending}>
          {pending === 0 ? 'nothing waits' : `${pending} ${pending === 1 ? 'row waits' : 'rows wait'}`}
        </span>
      </p>
    </div>
  );
}

function saidOf({ state, firstSync }: SyncStatus, pending: number): { readonly text: string; readonly mood: Mood } {
  switch (state) {
    case 'live':
      return pending === 0 ? { text: 'In sync', mood: 'good' } : { text: 'Sending…', mood: 'busy' };
    case 'open':
      return { text: 'Syncing…', mood: 'busy' };
    case 'connecting':
      return { text: firstSync?.phase === 'fetching' ? 'Loading…' : 'Connecting…', mood: 'busy' };
    case 'waiting':
      return { text: 'No connection, trying again', mood: 'away' };
    case 'paused':
      return { text: 'Offline', mood: 'away' };
    case 'refused':
      return { text: 'Refused', mood: 'bad' };
    case 'closed':
      return { text: 'Closed', mood: 'bad' };
  }
}
