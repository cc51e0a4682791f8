/** The name that others see beside what this window writes. */
import { useEffect, useRef, type ReactNode } from 'react';
import type { BrowserDatabase } from 'crmesh';
import { useRows } from './board-hooks.ts';
import { personName } from './person.tsx';
import { nameSql, saveName } from './tasks.ts';

export function NameField({ db }: { readonly db: BrowserDatabase }): ReactNode {
  const rows = useRows<{ readonly name: string | null }>(db, nameSql, db.siteId);
  const saved = rows?.[0]?.name ?? '';
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (input.current !== null && input.current !== document.activeElement) input.current.value = saved;
  }, [saved]);
  const save = (): void => {
    const name = input.current?.value.trim() ?? '';
    if (name !== saved) void saveName(db, name);
  };
  return (
    <div className="name-field">
      <label htmlFor="name">Your name</label>
      <input
        id="name"
        ref={input}
        defaultValue={saved}
        maxLength={40}
        autoComplete="nickname"
        placeholder={personName({ site: db.siteId, name: null })}
        onBlur={save}
        onKeyDown={(event) => {
          if (event.key === 'Enter') event.currentTarget.blur();
        }}
      />
    </div>
  );
}
