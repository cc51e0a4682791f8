/**
 * Several links of one replica (R13): which meshes they lead to, and whether that can work.
 *
 * A leaf does not pass on what others wrote. So the relays that it calls must be of one mesh (they bring each other
 * the rest), or each must let it vouch, and then pulls its whole store again whenever there is more in it. A replica
 * that asks for mode peer on each link passes everything on itself. Links that are paused are not there.
 */
import { ReplicationError } from '../core/errors.ts';
import type { SessionState } from '../session/session-state.ts';
import type { HostedLink } from './link-host.ts';

type Called = Pick<SessionState, 'mode'> & { readonly peer: NonNullable<SessionState['peer']> };

/** Links that this replica opened and that lead somewhere. */
export function calledLinks(links: Iterable<HostedLink>): HostedLink[] {
  return [...links].filter(({ session }) => session.terms.role === 'client' && session.phase === 'open');
}

/** Why one more link cannot be; undefined when it can. `others` are open. */
export function meshRefusal(others: readonly HostedLink[], link: HostedLink): ReplicationError | undefined {
  const all = [...others, link].flatMap(({ session }) => calledOf(session));
  if (!areSeveralMeshes(all) || all.every(mayCarry)) return undefined;
  const meshes = [...new Set(all.map(({ peer }) => peer.mesh))];
  const message =
    `as a leaf this database cannot stand between ${meshes.length} meshes: ask for mode peer on each link, join the relays ` +
    '(crmesh relay --upstream), use tokens whose grants let a leaf vouch, or pause the other link';
  return new ReplicationError('MESH_MISMATCH', message, { meshes });
}

/** Leaf links that must bring what the other meshes wrote. */
export function carryingLinks(links: readonly HostedLink[]): HostedLink[] {
  if (!areSeveralMeshes(links.flatMap(({ session }) => calledOf(session)))) return [];
  return links.filter(({ session }) => session.mode === 'leaf');
}

/** The mesh of the links as they are now; of several one name that does not depend on their order. */
export function meshOf(links: readonly HostedLink[]): string | undefined {
  return links
    .flatMap(({ session }) => calledOf(session).map(({ peer }) => peer.mesh))
    .sort()
    .at(0);
}

function calledOf({ mode, peer }: SessionState): Called[] {
  return peer === undefined ? [] : [{ mode, peer }];
}

function areSeveralMeshes(links: readonly Called[]): boolean {
  return new Set(links.map(({ peer }) => peer.mesh)).size > 1;
}

function mayCarry({ mode, peer }: Called): boolean {
  return mode === 'peer' || peer.vouch;
}
