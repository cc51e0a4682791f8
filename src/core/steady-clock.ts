/**
 * Time for measuring waits: the wall clock of a machine, but it never goes back.
 *
 * Why     A wall clock that is set back by an hour would make every wait an hour longer: no beat, no repeated pull, no
 *         silent peer noticed. One that is set forward ends waits early, which costs a new connection.
 *         Made anew for each session, port or statement, so that it stays near the wall clock, as expiry needs it.
 */
export function steadyClock(now: () => number): () => number {
  let last = now();
  let ahead = 0;
  return () => {
    const wall = now();
    if (wall < last) ahead += last - wall;
    last = wall;
    return wall + ahead;
  };
}
