/** One lane with its cards. */
import type { ReactNode } from 'react';
import type { Board } from './open-board.ts';
import { TaskCard } from './task-card.tsx';
import { laneNames, type Lane, type Task } from './tasks.ts';

interface LaneListProps {
  readonly lane: Lane;
  readonly tasks: readonly Task[];
  readonly board: Board;
  /** Ids of rows that wait to be sent. */
  readonly pending: readonly string[];
}

const emptyTexts: Readonly<Record<Lane, string>> = {
  todo: 'No tasks. One that you add is saved here first, and sent when there is a connection.',
  doing: 'Nobody is at anything.',
  done: 'Nothing is done yet.',
};

export function LaneList({ lane, tasks, board, pending }: LaneListProps): ReactNode {
  return (
    <section className="lane" data-lane={lane} aria-labelledby={`lane-${lane}`}>
      <h2 id={`lane-${lane}`}>
        {laneNames[lane]} <span className="count">{tasks.length}</span>
      </h2>
      {tasks.length === 0 ? <p className="empty">{emptyTexts[lane]}</p> : null}
      <ul>
        {tasks.map((task) => (
          <TaskCard key={task.id} task={task} db={board.db} isPending={pending.includes(task.id)} />
        ))}
      </ul>
    </section>
  );
}
