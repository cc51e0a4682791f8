/** Opens this browser's replica and its link. The whole wiring of an app with crmesh is this. */
import { open, remove, type BrowserDatabase, type PageLink } from 'crmesh';
import type { RelayAddress } from './relay-address.ts';
import { boardSchema } from './schema.ts';

export interface Board {
  readonly db: BrowserDatabase;
  readonly link: PageLink;
  readonly relay: RelayAddress;
}

const offlineKey = 'crmesh-board-offline';

export async function openBoard(relay: RelayAddress): Promise<Board> {
  const db = await open(relay.name, { schema: boardSchema });
  const link = db.sync(relay.sync);
  if (localStorage.getItem(offlineKey) !== null) link.pause();
  return { db, link, relay };
}

/** The switch, remembered over a reload. */
export function setOnline({ link }: Board, online: boolean): void {
  if (online) {
    localStorage.removeItem(offlineKey);
    link.resume();
  } else {
    localStorage.setItem(offlineKey, 'yes');
    link.pause();
  }
}

/** Removes what this browser has of a database that its relay no longer has, unsent rows too. Fails while another tab has it open. */
export async function removeBoard({ db, relay }: Board): Promise<void> {
  await db.close();
  await remove(relay.name);
}
