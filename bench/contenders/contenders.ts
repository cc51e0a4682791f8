/** All contenders by name; ours in the variants that workloads ask for. */
import { automerge } from './automerge.ts';
import { bare } from './bare.ts';
import type { Contender } from './contender.ts';
import {
  crmesh,
  crmeshByImage,
  crmeshByName,
  crmeshByRows,
  crmeshInOneTransaction,
  crmeshJustStarted,
} from './crmesh.ts';
import { pouchdb } from './pouchdb.ts';
import { tinybase } from './tinybase.ts';
import { vlcn } from './vlcn.ts';
import { yWebsocket } from './y-websocket.ts';

export const contenders: readonly Contender[] = [
  crmesh,
  crmeshByRows,
  crmeshByImage,
  crmeshInOneTransaction,
  crmeshJustStarted,
  bare,
  tinybase,
  yWebsocket,
  automerge,
  pouchdb,
  vlcn,
];

export function contenderNamed(name: string): Contender {
  const found = crmeshByName(name) ?? contenders.find((contender) => contender.name === name);
  if (found === undefined) throw new Error(`there is no contender '${name}'`);
  return found;
}
