/** How far the first load is; the board works meanwhile. */
import type { ReactNode } from 'react';
import type { FirstLoad } from './board-hooks.ts';

export function FirstLoadBar({ load: { received, total, unit } }: { readonly load: FirstLoad }): ReactNode {
  const percent = Math.floor((100 * received) / total);
  return (
    <section className="first-load" aria-label="First load">
      <label htmlFor="first-load">
        Bringing the cities here: {received.toLocaleString('en')} of {total.toLocaleString('en')} {unit}
      </label>
      <output>{percent} %</output>
      <progress id="first-load" value={received} max={total} />
    </section>
  );
}
