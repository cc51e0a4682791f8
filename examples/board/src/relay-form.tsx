/** Which relay the page speaks with. The form is plain: it loads the page again with ?relay= in its address. */
import type { ReactNode } from 'react';

export function RelayForm(): ReactNode {
  const given = new URLSearchParams(location.search).get('relay') ?? '';
  return (
    <form className="relay-form" method="get">
      <label htmlFor="relay">Relay and database</label>
      <input id="relay" name="relay" defaultValue={given} placeholder="ws://127.0.0.1:8787/cities" spellCheck={false} />
      <button type="submit">Connect</button>
    </form>
  );
}
