/** The name that others see beside what this window writes. */
import type { ReactNode } from 'react';
import type { BrowserDatabase } from 'crmesh';
import { useRows } from './board-hooks.ts';
import { personName } from './person.tsx';
import { useSavedText } from './saved-text.ts';
import { nameSql, saveName } from './tasks.ts';

export function NameField({ db }: { readonly db: BrowserDatabase }): ReactNode {
  const rows = useRows<{ readonly name: string | null }>(db, nameSql, db.siteId);
  const name = useSavedText<HTMLInputElement>(rows?.[0]?.name ?? '', (text) => void saveName(db, text));
  return (
    <div className="name-field">
      <label htmlFor="name">Your name</label>
      <input
        {...name}
        id="name"
        maxLength={40}
        autoComplete="nickname"
        placeholder={personName({ site: db.siteId, name: null })}
      />
    </div>
  );
}
