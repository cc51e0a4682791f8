/** What a replica says of itself when it greets. */
import type { LocalFacts } from '../session/session-state.ts';
import type { StorePort } from '../store/store-port.ts';
import type { GrowthLog } from './growth-log.ts';

export function localFacts(
  store: StorePort,
  { dbid, mesh, growth }: { readonly dbid: string; readonly mesh: string | undefined; readonly growth: GrowthLog },
): LocalFacts {
  const { identity, schema, coverage, announced } = store;
  const { site, formerSites, era } = identity;
  return {
    dbid,
    site,
    formerSites,
    era,
    schemaHash: schema.hash,
    shape: schema.tables,
    schemaText: schema.text,
    mesh: mesh ?? site,
    digest: growth.digestOf(coverage),
    announced,
  };
}
