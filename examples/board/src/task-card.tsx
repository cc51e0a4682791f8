/** One task: its text, its city, who wrote it last, and whether others know it. */
import type { ReactNode } from 'react';
import type { BrowserDatabase } from 'crmesh';
import { placeName } from './cities.ts';
import { Icon } from './icons.tsx';
import { Person } from './person.tsx';
import { useSavedText } from './saved-text.ts';
import { laneNames, lanes, moveTask, removeTask, renameTask, type Lane, type Task } from './tasks.ts';
import { WrittenAt } from './written-at.tsx';

interface TaskCardProps {
  readonly task: Task;
  readonly db: BrowserDatabase;
  readonly isPending: boolean;
}

export function TaskCard({ task, db, isPending }: TaskCardProps): ReactNode {
  const { id, title, lane, city, country, author, authorName, changed } = task;
  const place = lanes.indexOf(lane);
  const text = useSavedText<HTMLTextAreaElement>(title, (next) => void renameTask(db, id, next));
  return (
    <li className="card" data-task={id}>
      <textarea {...text} className="saved-text" aria-label={`Text of ${title}`} rows={1} maxLength={200} />
      <p className="city">
        <Icon shape="place" />
        {city === null
          ? 'a city that is not here yet'
          : placeName({ name: city, country: country ?? '', admin1: null })}
      </p>
      <p className="written">
        <Person site={author} name={authorName} isOwn={author === db.siteId} />
        <WrittenAt iso={changed} />
        {isPending ? (
          <span className="waits">
            <Icon shape="waiting" /> waits
          </span>
        ) : null}
      </p>
      <div className="actions">
        <MoveButton task={task} db={db} to={lanes[place - 1]} shape="back" />
        <MoveButton task={task} db={db} to={lanes[place + 1]} shape="forward" />
        <button
          type="button"
          className="quiet-button"
          aria-label={`Remove ${title}`}
          onClick={() => void removeTask(db, id)}
        >
          <Icon shape="remove" />
        </button>
      </div>
    </li>
  );
}

interface MoveButtonProps {
  readonly task: Task;
  readonly db: BrowserDatabase;
  readonly to: Lane | undefined;
  readonly shape: 'back' | 'forward';
}

function MoveButton({ task: { id, title }, db, to, shape }: MoveButtonProps): ReactNode {
  if (to === undefined) return null;
  return (
    <button
      type="button"
      className="quiet-button"
      aria-label={`Move ${title} to ${laneNames[to]}`}
      onClick={() => void moveTask(db, id, to)}
    >
      {shape === 'back' ? <Icon shape="back" /> : null}
      {laneNames[to]}
      {shape === 'forward' ? <Icon shape="forward" /> : null}
    </button>
  );
}
