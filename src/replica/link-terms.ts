/** What a link may ask for or grant, from how it was attached. */
import type { SessionTerms } from '../session/session-state.ts';
import type { AttachOptions } from './replica-port.ts';

export function termsOf(options: AttachOptions): SessionTerms {
  if (options.role === 'client') {
    const key = options.siteKey === undefined ? {} : { siteKey: options.siteKey };
    const image = options.onImage !== undefined;
    return { role: 'client', mode: options.mode, read: 'all', write: 'all', vouch: false, image, ...key };
  }
  const { mode, read, write, expiresAt } = options.grant;
  const expiry = expiresAt === undefined ? {} : { expiresAt };
  const vouch = options.grant.vouch && read === 'all' && write === 'all';
  const image = options.image !== undefined && read === 'all';
  return { role: 'server', mode, read, write: typeof write === 'function' ? 'some' : write, vouch, image, ...expiry };
}
