/** The page while there is no board to show. */
import type { ReactNode } from 'react';
import { RelayForm } from './relay-form.tsx';

interface NoticeProps {
  readonly title: string;
  readonly isBusy?: boolean;
  readonly children?: ReactNode;
}

export function Notice({ title, isBusy = false, children }: NoticeProps): ReactNode {
  return (
    <main className="notice" aria-busy={isBusy}>
      <h1>{title}</h1>
      {children === undefined ? null : <p role="alert">{children}</p>}
      {isBusy ? null : <RelayForm />}
    </main>
  );
}
