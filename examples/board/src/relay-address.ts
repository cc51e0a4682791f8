/** Which database of which relay this page shares: ?relay= names it, else it is 'cities' where the page comes from. */

export interface RelayAddress {
  /** What db.sync takes. */
  readonly sync: string;
  /** The same over HTTP. */
  readonly http: string;
  /** Two relays are two databases in this browser, too. */
  readonly name: string;
}

/** Undefined for a text that is no address of a database. */
export function relayAddressOf(page: URL): RelayAddress | undefined {
  const given = page.searchParams.get('relay')?.trim() ?? '';
  const text = given === '' ? '/cities' : given;
  if (!URL.canParse(text, page.href)) return undefined;
  const url = new URL(text, page.href);
  if (!/^(?:http|ws)s?:$/.test(url.protocol) || !/[^/]$/.test(url.pathname)) return undefined;
  url.hash = '';
  return {
    sync: url.href.replace(/^http/, 'ws'),
    http: url.href.replace(/^ws/, 'http'),
    name: `${url.host} ${url.pathname.split('/').at(-1)}`,
  };
}
