/**
 * The demo's course: import, up, down, edits apart, edits together, comparison.
 */
import type { SyncLink } from '../../node.ts';
import { importRows } from '../imported-rows.ts';
import { withProgress, type Progress, type ProgressCounts } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { changesPerCity, loadCities } from './cities.ts';
import { cityChangesOf, contentOf, type Content } from './city-content.ts';
import type { DemoWorld, Side } from './demo-world.ts';
import { editLive, editOffline } from './edits.ts';

/** The JSON line. */
export interface DemoReport {
  /** Imported into A. */
  readonly rows: number;
  /** The content hash of A, B and the relay is one. */
  readonly identical: boolean;
  /** Changes that came back to their author or, live, to who delivered them. */
  readonly echoedChanges: number;
  /** From connecting A until the relay had acknowledged all; from connecting B until it held all. */
  readonly upMs: number;
  readonly downMs: number;
  /** Bytes that A's link sent, and that B's received, in these times. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Changes of cities that the relay holds at the end. */
  readonly changes: number;
}

export interface DemoOutcome {
  readonly report: DemoReport;
  readonly contents: Readonly<Record<'A' | 'B' | 'relay', Content>>;
}

const liveEdits = 50;

export async function runDemo(terminal: Terminal, world: DemoWorld, rowsMax: number | undefined): Promise<DemoOutcome> {
  const { a, b, relay, dbid } = world;
  const cities = await loadCities(rowsMax);
  const rows = cities.length;
  await withProgress(terminal, { label: 'A: import', total: rows }, async (progress) => {
    await importRows(a.db, { table: 'city', rows: cities, onBatch: (done) => progress.update(done, { rows: done }) });
    progress.end({ rows });
  });

  const up = await transfer(terminal, { label: 'A -> relay', side: a, rows, direction: 'sent' });
  const down = await transfer(terminal, { label: 'relay -> B', side: b, rows, direction: 'received' });
  terminal.note('A and B go offline, edit the same and other rows, and come back');
  await editApart(world, rows);
  terminal.note(`A and B edit in turn while connected, ${liveEdits} times each`);
  await editLive(a.db, b.db, liveEdits);
  await settle(world);

  const relayed = relay.database(dbid);
  const contents = {
    A: await contentOf((sql, parameters) => a.db.query(sql, parameters)),
    B: await contentOf((sql, parameters) => b.db.query(sql, parameters)),
    relay: await contentOf((sql, parameters) => relayed.query(sql, parameters)),
  };
  const identical = contents.A.hash === contents.B.hash && contents.A.hash === contents.relay.hash;
  const echoedChanges = a.link.status.traffic.changesEchoed + b.link.status.traffic.changesEchoed;
  const changes = await cityChangesOf((sql) => relayed.query(sql));
  return {
    report: {
      rows,
      identical,
      echoedChanges,
      upMs: up.ms,
      downMs: down.ms,
      bytesUp: up.bytes,
      bytesDown: down.bytes,
      changes,
    },
    contents,
  };
}

interface Transfer {
  readonly label: string;
  readonly side: Side;
  readonly rows: number;
  readonly direction: 'sent' | 'received';
}

/** Connects one side and waits until it and the relay are equal. */
async function transfer(terminal: Terminal, transfer: Transfer): Promise<{ ms: number; bytes: number }> {
  const { label, side, rows } = transfer;
  const moved = await withProgress(terminal, { label, total: rows * changesPerCity }, (progress) =>
    transferred(transfer, progress),
  );
  const { firstSync } = side.link.status;
  if (firstSync?.by === 'image') terminal.note(`${side.name} had nothing: it took the relay's database as one file`);
  return moved;
}

async function transferred(
  { side, rows, direction }: Transfer,
  progress: Progress,
): Promise<{ ms: number; bytes: number }> {
  const total = rows * changesPerCity;
  const startedMs = performance.now();
  const link = side.connect();
  const counts = (): Required<ProgressCounts> => movedBy(link, direction, rows);
  const stop = link.on('progress', ({ image }) => {
    const ofImage = image === undefined ? 0 : Math.floor((total * image.receivedBytes) / image.bytes);
    progress.update(Math.max(counts().changes, ofImage), counts());
  });
  await link.synced();
  const ms = Math.round(performance.now() - startedMs);
  stop();
  progress.end(counts());
  return { ms, bytes: counts().bytes };
}

function movedBy(link: SyncLink, direction: 'sent' | 'received', rows: number): Required<ProgressCounts> {
  const { traffic, firstSync } = link.status;
  if (direction === 'sent') return countsOf({ changes: traffic.changesSent, bytes: traffic.bytesSent }, rows);
  const { bytesReceived: bytes, changesReceived } = traffic;
  // An image brings all there was, and no change by itself.
  const isTaken = firstSync?.by === 'image' && firstSync.phase === 'done';
  return countsOf({ changes: changesReceived + (isTaken ? rows * changesPerCity : 0), bytes }, rows);
}

function countsOf(moved: { changes: number; bytes: number }, rows: number): Required<ProgressCounts> {
  return { ...moved, rows: Math.min(rows, Math.floor(moved.changes / changesPerCity)) };
}

async function editApart(world: DemoWorld, rows: number): Promise<void> {
  const { a, b } = world;
  a.link.pause();
  b.link.pause();
  await editOffline(a.db, 'a', rows);
  await editOffline(b.db, 'b', rows);
  a.connect();
  b.connect();
  await settle(world);
}

/** What A has goes to the relay, from there to B, and what B has comes back to A. */
async function settle({ a, b }: DemoWorld): Promise<void> {
  await a.link.synced();
  await b.link.synced();
  await a.link.synced();
}
