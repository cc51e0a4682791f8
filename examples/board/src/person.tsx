/** A writer: the name chosen for its site, or the first digits of the site id. */
import type { ReactNode } from 'react';

interface PersonProps {
  /** Site id. */
  readonly site: string;
  readonly name: string | null;
  readonly isOwn: boolean;
}

const tints = 6;

export function Person({ site, name, isOwn }: PersonProps): ReactNode {
  const shown = personName({ site, name });
  return (
    <span className="person">
      <span className="face" data-tint={Number.parseInt(site.slice(0, 6), 16) % tints} aria-hidden="true">
        {Array.from(shown)[0]?.toUpperCase()}
      </span>
      <span>{isOwn ? `${shown} (you)` : shown}</span>
    </span>
  );
}

export function personName({ site, name }: Omit<PersonProps, 'isOwn'>): string {
  return name !== null && name.trim() !== '' ? name : `Guest ${site.slice(0, 4)}`;
}
