/** Why the relay takes nothing from this window, and what leads on. What is written meanwhile stays here. */
import { useState, type ReactNode } from 'react';
import type { SyncStatus } from 'crmesh';
import { removeBoard, type Board } from './open-board.ts';

interface RefusalProps {
  readonly board: Board;
  readonly status: SyncStatus;
}

export function Refusal({ board, status }: RefusalProps): ReactNode {
  const [failure, setFailure] = useState<string>();
  if (failure !== undefined) {
    return (
      <p className="refusal" role="alert">
        It is still here: {failure}. <a href="">Load this page again</a> to go on with it.
      </p>
    );
  }
  if (status.state !== 'refused') return null;
  // A relay of an earlier run is gone for good, and with it whoever could take this copy.
  const isOfNoUse = status.lastError?.code === 'NO_DATABASE';
  const removeCopy = (): void => {
    removeBoard(board).then(
      () => location.assign('./'),
      (error: Error) => setFailure(error.message),
    );
  };
  return (
    <div className="refusal" role="alert">
      The relay refuses this window: {status.lastError?.message}. <a href="./">Open this relay’s own board</a>
      {isOfNoUse ? (
        <button type="button" onClick={removeCopy}>
          Remove what this browser has of it, unsent rows too
        </button>
      ) : null}
    </div>
  );
}
