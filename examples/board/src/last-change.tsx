/** The last change of the board and who wrote it: by the clock of the writer, which decides nothing else. */
import type { ReactNode } from 'react';
import { Person } from './person.tsx';
import type { Task } from './tasks.ts';
import { WrittenAt } from './written-at.tsx';

interface LastChangeProps {
  /** The latest first. */
  readonly tasks: readonly Task[];
  readonly ownSite: string;
}

export function LastChange({ tasks: [last], ownSite }: LastChangeProps): ReactNode {
  return (
    <p className="last-change" aria-live="polite" data-testid="last-change">
      {last === undefined ? (
        'Nothing was written yet.'
      ) : (
        <>
          <span className="quiet">Last change</span>
          <Person site={last.author} name={last.authorName} isOwn={last.author === ownSite} />
          <span className="quoted">{last.title}</span>
          <WrittenAt iso={last.changed} />
        </>
      )}
    </p>
  );
}
