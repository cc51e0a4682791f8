/**
 * What a replica does when a peer shows that another copy of this store writes under its site id: before anything more
 * is sent every link ends, to be opened again, and the store takes a new one. A peer cannot drive that on for ever.
 */
import type { ReplicationError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Log } from '../core/runtime.ts';
import type { IdentityAlarm } from '../session/session-event.ts';
import type { StorePort } from '../store/store-port.ts';
import type { HostedLink } from './link-host.ts';

export interface SiteChangesOptions {
  readonly store: StorePort;
  readonly limits: Pick<Limits, 'siteChangesMax'>;
  readonly log: Log;
  /** Ends all links and forgets what was known of their peers. */
  readonly startOver: (why: string) => void;
}

export class SiteChanges {
  readonly #options: SiteChangesOptions;
  #count = 0;

  constructor(options: SiteChangesOptions) {
    this.#options = options;
  }

  /** Takes a new site id, or ends the link where that may not be. */
  take(link: HostedLink, alarm: IdentityAlarm, error: ReplicationError): void {
    const { store, log, limits, startOver } = this.#options;
    const { site: former } = store.identity;
    const fields = { code: alarm, peer: link.peer, site: former };
    if (!store.mayReidentify || this.#count >= limits.siteChangesMax) {
      log.error(fields, `${error.message}; no new site id is taken, the link ends`);
      return link.handle({ type: 'end', error });
    }
    this.#count += 1;
    startOver('this replica takes a new site id: connect again');
    store.reidentify();
    const { site } = store.identity;
    log.error({ ...fields, site, former }, `${error.message}; the site id is now ${site}, it was ${former}`);
  }
}
