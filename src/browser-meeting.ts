/** The handle of a room in a page: what db.meet gives there. The meeting itself is the owner's. */
import type { MeetingHandle } from './replica/peering.ts';

export interface PageMeetingParts {
  readonly room: string;
  readonly synced: () => Promise<void>;
  readonly leave: () => void;
}

export class PageMeeting implements MeetingHandle {
  readonly room: string;
  readonly #parts: PageMeetingParts;
  readonly #listeners = new Set<(members: number) => void>();
  #members = 0;
  #closed = false;

  constructor(parts: PageMeetingParts) {
    this.room = parts.room;
    this.#parts = parts;
  }

  /** As the owner last told it. */
  get members(): number {
    return this.#members;
  }

  synced(): Promise<void> {
    return this.#parts.synced();
  }

  onMembers(listener: (members: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#members = 0;
    this.#parts.leave();
  }

  /** @internal */
  receive(members: number): void {
    if (this.#closed) return;
    this.#members = members;
    for (const listener of this.#listeners) listener(members);
  }
}
