/** Why the relay takes nothing from this window, and what leads on. What is written meanwhile stays here. */
import type { ReactNode } from 'react';
import type { SyncStatus } from 'crmesh';

export function Refusal({ status }: { readonly status: SyncStatus }): ReactNode {
  if (status.state !== 'refused') return null;
  return (
    <p className="refusal" role="alert">
      The relay refuses this window: {status.lastError?.message}. <a href="./">Open this relay’s own board</a>
    </p>
  );
}
