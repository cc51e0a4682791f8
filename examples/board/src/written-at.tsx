/** When something was written, by the clock of who wrote it. */
import type { ReactNode } from 'react';

const short = new Intl.DateTimeFormat(undefined, { weekday: 'short', hour: '2-digit', minute: '2-digit' });

export function WrittenAt({ iso }: { readonly iso: string }): ReactNode {
  const date = new Date(iso);
  if (Number.isNaN(date.valueOf())) return null;
  return (
    <time dateTime={iso} title={date.toLocaleString()}>
      {short.format(date)}
    </time>
  );
}
