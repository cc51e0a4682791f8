/** All contenders by name. */
import { automerge } from './automerge.ts';
import { bare } from './bare.ts';
import type { Contender } from './contender.ts';
import { crmesh, crmeshByRows } from './crmesh.ts';
import { pouchdb } from './pouchdb.ts';
import { tinybase } from './tinybase.ts';
import { yWebsocket } from './y-websocket.ts';

export const contenders: readonly Contender[] = [crmesh, crmeshByRows, bare, tinybase, yWebsocket, automerge, pouchdb];

export function contenderNamed(name: string): Contender {
  const found = contenders.find((contender) => contender.name === name);
  if (found === undefined) throw new Error(`there is no contender '${name}'`);
  return found;
}
