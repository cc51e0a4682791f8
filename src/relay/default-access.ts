/** The access rules without a function of one's own: tokens where there are some, else this machine only. */
import type { AccessRequest, Authorize, GrantOffer, Refusal } from './access.ts';
import { isLoopbackAddress } from './loopback.ts';

export interface AccessTokens {
  /** Read, write, schema, mode leaf. */
  readonly token?: string;
  /** The same with mode peer. */
  readonly peerToken?: string;
}

const EVERYTHING: GrantOffer = { read: 'all', write: 'all', schema: true, mode: 'peer' };

/** Without tokens everything is allowed to this machine and nothing to others. */
export function defaultAuthorize(tokens: AccessTokens = {}): Authorize {
  const known = Object.entries({ leaf: tokens.token, peer: tokens.peerToken }) as [
    'leaf' | 'peer',
    string | undefined,
  ][];
  const accepted = known.flatMap(([mode, token]) => (token === undefined ? [] : [{ mode, digest: digestOf(token) }]));
  if (accepted.length === 0) return onlyThisMachine;
  return async ({ token }) => {
    if (token === undefined) return { refuse: 'UNAUTHORIZED' };
    const digest = await digestOf(token);
    // Every token is compared, so the time says nothing about which one was near.
    const modes: ('leaf' | 'peer')[] = [];
    for (const { mode, digest: expected } of accepted) if (sameDigest(digest, await expected)) modes.push(mode);
    const mode = modes.includes('peer') ? 'peer' : modes[0];
    return mode === undefined ? { refuse: 'UNAUTHORIZED' } : { ...EVERYTHING, mode };
  };
}

function onlyThisMachine({ address }: AccessRequest): GrantOffer | Refusal {
  if (address !== undefined && isLoopbackAddress(address)) return EVERYTHING;
  return {
    refuse: 'UNAUTHORIZED',
    message:
      address === undefined
        ? 'this relay has no token and was not told the address of the caller: give it a token or an authorize function'
        : 'this relay has no token and serves its own machine only: start it with one',
  };
}

async function digestOf(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
}

/** Compares all bytes, whatever the first ones say. */
function sameDigest(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ (b[i] ?? 0);
  return difference === 0;
}
