/**
 * The judges of a finished schedule: what must hold once everything is healed, connected and quiet.
 *
 * Each is independent of how a replica knows what it knows: contents are read with plain SQL, promises come from the
 * traffic, writes from the ledger.
 */
import {
  coverageOf,
  coveragesEqual,
  emptyCoverage,
  intersectCoverage,
  rangesOfSite,
  subtractCoverage,
  unionCoverage,
} from '../../src/core/coverage.ts';
import type { Coverage } from '../../src/core/coverage.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { STORE_VERSION_ZERO } from '../../src/core/version.ts';
import type { Change } from '../../src/core/change.ts';
import type { Part } from '../../src/core/part.ts';
import { holesOfRanges, hullOfRanges, rangeSetHas, rangeSetOf, subtractRanges } from '../../src/core/range-set.ts';
import type { Cell, Contents } from './contents.ts';
import { cellsOf, contentsOf, differenceOf } from './contents.ts';
import type { Ledger, Written } from './ledger.ts';
import { rowKey } from './ledger.ts';
import type { Machine } from './machine.ts';
import type { Random } from './random.ts';
import { compareValues } from './value-order.ts';
import { changeText, coverageText, describePart } from './trace.ts';
import type { World } from './world.ts';

export interface Failure {
  readonly oracle: string;
  readonly detail: string;
}

/** Whether everybody holds the same: what the end of a schedule waits for. */
export function isSettled(world: World): boolean {
  const { running } = world;
  const [first, ...others] = running;
  if (first === undefined) return true;
  if (running.some(({ store }) => store.hasUnflushedWrites || store.parkedChanges > 0)) return false;
  if (world.edges.some(({ client, link }) => !client.gone && link?.live !== true)) return false;
  const known = knownTo(world, first);
  if (!others.every((other) => coveragesEqual(knownTo(world, other), known))) return false;
  const contents = contentsOf(first.store.connection, world.ledger.refusedRows);
  return others.every((other) => {
    const theirs = contentsOf(other.store.connection, world.ledger.refusedRows);
    return differenceOf(contents.tables, theirs.tables) === undefined;
  });
}

/** Every failure, the most telling first. */
export function judge(world: World): Failure[] {
  const contents = new Map(
    world.running.map((machine) => [machine, contentsOf(machine.store.connection, world.ledger.refusedRows)]),
  );
  return [
    ...judgeContents(contents, 'tables'),
    ...judgeContents(contents, 'changes'),
    ...judgeCoverage(world),
    ...judgeLedger(world),
    ...judgePromises(world),
    ...world.torn.slice(0, 1).map((detail) => ({ oracle: 'atomic', detail })),
    ...world.overruns.slice(0, 1).map((detail) => ({ oracle: 'bounded', detail })),
    ...judgeTables(world),
    ...judgeEchoes(world),
    ...judgeLog(world),
    ...judgeEnds(world),
  ];
}

function judgeContents(contents: ReadonlyMap<Machine, Contents>, what: keyof Contents): Failure[] {
  const [first, ...others] = [...contents];
  if (first === undefined) return [];
  return others.flatMap(([machine, theirs]) => {
    const difference = differenceOf(first[1][what], theirs[what]);
    return difference === undefined
      ? []
      : [{ oracle: what, detail: `${first[0].name} and ${machine.name}: ${difference}` }];
  });
}

function judgeCoverage(world: World): Failure[] {
  const failures: Failure[] = [];
  const all = world.running.map((machine) => knownTo(world, machine)).reduce(unionCoverage, emptyCoverage);
  for (const machine of world.running) {
    const missing = subtractCoverage(all, knownTo(world, machine));
    if (missing.size > 0)
      failures.push({ oracle: 'coverage', detail: `${machine.name} lacks ${coverageText(missing)}` });
    const { parkedChanges, coverage } = machine.store;
    if (parkedChanges > 0)
      failures.push({ oracle: 'parked', detail: `${machine.name} still has ${parkedChanges} parked changes` });
    for (const { site } of world.running) {
      const holes = subtractRanges(holesOfRanges(rangesOfSite(coverage, site)), world.ledger.refused.get(site) ?? []);
      if (holes.length > 0)
        failures.push({
          oracle: 'gap',
          detail: `${machine.name} has holes ${JSON.stringify(holes)} of ${site.slice(0, 4)}`,
        });
    }
  }
  return failures;
}

/**
 * What a machine covers, but for versions that were refused.
 *
 * Why     A relay that lost its file gets back the rows of a site that writes no more, but no claims: whoever shows
 *         them does not speak for that site. So such claims may differ for ever once a file was replaced.
 */
function knownTo(world: World, machine: Machine): Coverage {
  const known = subtractCoverage(machine.store.coverage, world.ledger.refused);
  if (world.filesReplaced === 0) return known;
  const living = new Set(world.running.map(({ site }) => site));
  return new Map([...known].filter(([site]) => living.has(site)));
}

/**
 * Every write of a living machine, and every greatest write that a living one promised to hold, is there or was
 * superseded.
 *
 * Why  What superseded a write may be lost with its writer, and then took the write with it: it left without the write
 *      that it had superseded, in a claim that is true nevertheless. The same holds for files that were replaced.
 */
function judgeLedger(world: World): Failure[] {
  const { ledger, running } = world;
  const living = new Set(running.map(({ site }) => site));
  const names = running.map(({ name }) => name);
  const promised = ledger.greatestWrites().filter((one) => living.has(one.site) || ledger.isPromised(one, names));
  const written = world.filesReplaced === 0 ? ledger.written.filter(({ site }) => living.has(site)) : [];
  const owed = [...written, ...promised];
  const failures: Failure[] = [];
  for (const machine of running) {
    const cells = cellsOf(machine.store.connection);
    const lost = owed.find((one) => !isKept(one, cells, ledger));
    if (lost === undefined) continue;
    const who = living.has(lost.site) ? 'its writer lives' : 'its writer is gone';
    const detail = `${machine.name} has lost ${changeText(lost.change)} of ${lost.site.slice(0, 4)}; ${who}`;
    failures.push({ oracle: 'acknowledged', detail });
  }
  return failures;
}

/**
 * At any moment: of every cell whose greatest write lies in a range that a machine claims, it holds that write.
 *
 * Why  It is what a claim means. Superseded writes may be absent, and so may their superseders where they lie in ranges
 *      that are not claimed.
 */
export function judgeClaims(world: World, machine: Machine): Failure[] {
  const { ledger } = world;
  const { name, store } = machine;
  const { coverage, connection, identity } = store;
  const unjudged = world.isSetBack(machine) ? identity.site : undefined;
  const claimed = ledger
    .greatestWrites()
    .filter(({ site, version }) => site !== unjudged && rangeSetHas(rangesOfSite(coverage, site), version));
  const cells = cellsOf(connection);
  const absent = claimed.find((one) => !isKept(one, cells, ledger));
  if (absent === undefined) return [];
  const detail = `${name} claims ${absent.site.slice(0, 4)} at ${absent.version}, but lacks ${changeText(absent.change)}`;
  return [{ oracle: 'claim', detail }];
}

/** A refused version is not held, whoever asks. */
function judgePromises({ ledger, machines }: World): Failure[] {
  const wrong = [...machines.keys()].flatMap((name) => {
    const both = intersectCoverage(ledger.promisesOf(name), ledger.refused);
    return both.size === 0
      ? []
      : [{ oracle: 'promise', detail: `${name} called refused versions held: ${coverageText(both)}` }];
  });
  return wrong.slice(0, 1);
}

function isKept({ site, change }: Written, cells: ReadonlyMap<string, Cell>, { refusedRows }: Ledger): boolean {
  const row = rowKey(change.table, change.pk);
  if (refusedRows.has(row)) return true;
  const sentinel = cells.get(`${row}/-1`);
  const cell = cells.get(`${row}/${change.cid}`);
  const causalLength = cell?.cl ?? sentinel?.cl ?? 0;
  if (causalLength !== change.cl) return causalLength > change.cl;
  if (change.cid === '-1')
    return sentinel !== undefined || [...cells.keys()].some((name) => name.startsWith(`${row}/`));
  if (cell === undefined) return false;
  if (cell.colVersion !== change.colVersion) return cell.colVersion > change.colVersion;
  const order = compareValues(cell.val, change.val);
  return order === 0 ? cell.site >= site : order > 0;
}

/** P6 on the disk: bookkeeping that grows with what peers do has a bound for each site. */
function judgeTables({ running, limits }: World): Failure[] {
  return running.flatMap(({ name, store: { connection } }) => {
    const [entries] = connection
      .prepare('SELECT max(n) FROM (SELECT count(*) AS n FROM crmesh_book GROUP BY site)')
      .get()!;
    const [eras] = connection.prepare('SELECT count(*) FROM crmesh_era').get()!;
    const counts = [
      { what: 'book entries of one site', count: Number(entries), most: limits.bookEntriesMax },
      { what: 'eras', count: Number(eras), most: limits.erasMax },
    ];
    return counts
      .filter(({ count, most }) => count > most)
      .map(({ what, count }) => ({ oracle: 'bounded', detail: `${name} keeps ${count} ${what}` }));
  });
}

function judgeEchoes(world: World): Failure[] {
  const echoed = world.ended.reduce((sum, link) => sum + link.echoed, 0) + world.standingEchoes();
  return echoed === 0 ? [] : [{ oracle: 'echo', detail: `${echoed} changes came back to their author or deliverer` }];
}

/** Losses of whole frames make a peer's cursor jump back now and then; on ordered links an alarm is a fault. */
const LOSSY_ALARMS: readonly string[] = ['PEER_LOST_HISTORY', 'OWN_HISTORY_LOST'];
/** More openings than any machine has. */
const ERAS_OF_A_SCHEDULE = 1_000;
/** What must be told where files were replaced. */
const COPY_ALARMS: readonly string[] = [...LOSSY_ALARMS, 'SITE_CONFLICT'];

function judgeLog(world: World): Failure[] {
  const bad = world.log.filter(({ level, code, message }) => {
    if (world.filesReplaced > 0 && COPY_ALARMS.includes(code)) return false;
    if (world.plan.fullDisks && code === 'STORAGE_FULL') return false;
    // A store that remembers few openings cannot tell an old cursor from one of a lost future.
    const forgets = world.limits.erasMax < ERAS_OF_A_SCHEDULE;
    if (message.includes('vouched refill')) return world.filesReplaced === 0 && !forgets;
    if (forgets && code === 'PEER_LOST_HISTORY') return false;
    return level === 'error' && !(world.plan.network.kind === 'lossy' && LOSSY_ALARMS.includes(code));
  });
  return bad.slice(0, 1).map(({ machine, code, message, cause }) => {
    const stack =
      cause instanceof Error ? `\n${cause.stack}\n${String((cause.cause as Error | undefined)?.stack ?? '')}` : '';
    return { oracle: 'log', detail: `${machine}: ${code} ${message}${stack}` };
  });
}

const USUAL_ENDS: readonly ErrorCode[] = ['LINK_LOST', 'CLOSED', 'UNAVAILABLE', 'HANDSHAKE_TIMEOUT', 'HEARTBEAT_LOST'];
/** A greeting that comes twice or late ends the session, which is dialled again. */
const LOSSY_ENDS: readonly ErrorCode[] = [...USUAL_ENDS, 'SESSION_PROTOCOL'];

function judgeEnds(world: World): Failure[] {
  const { network, fullDisks } = world.plan;
  const usual = network.kind === 'lossy' ? LOSSY_ENDS : USUAL_ENDS;
  const odd = world.ended.filter(({ code }) => !usual.includes(code) && !(fullDisks && code === 'STORAGE_FULL'));
  return odd
    .slice(0, 1)
    .map(({ machine, code, message }) => ({ oracle: 'link', detail: `${machine}: ${code} ${message}` }));
}

/**
 * What any holder serves of any range has every greatest write of the ranges that it claims, inside its span.
 *
 * Assumes everything is settled: nobody has writes that are not in the ledger.
 */
export function judgeServing({ ledger, running }: World, random: Random): Failure[] {
  const greatest = ledger.greatestWrites().filter(({ change }) => !isLiveSentinel(change));
  for (const { name, store } of running) {
    for (const [site, ranges] of store.coverage) {
      const [low, high] = hullOfRanges(ranges)!;
      const lo = random.pick([low, random.between(low, high - 1)]);
      const want = rangeSetOf(lo, random.pick([high, random.between(lo + 1, high)]));
      const part = store.serveWant(site, want, { changesMax: random.pick([1, 1_000]) });
      const wrong = part === undefined ? undefined : unservedIn(part, greatest, ledger);
      if (wrong !== undefined) {
        const detail = `${name} serves ${describePart(part!)} without ${changeText(wrong.change)} of version ${wrong.version}`;
        return [{ oracle: 'serving', detail }];
      }
    }
  }
  return [];
}

function unservedIn(part: Part, greatest: readonly Written[], { refusedRows }: Ledger): Written | undefined {
  const served = new Map(part.rows.map((row) => [`${rowKey(row.table, row.pk)}/${row.cid}`, row]));
  return greatest.find(({ site, version, change }) => {
    const row = rowKey(change.table, change.pk);
    if (site !== part.site || !rangeSetHas(part.claims, version) || refusedRows.has(row)) return false;
    const sent = served.get(`${row}/${change.cid}`);
    const isSame = sent?.cl === change.cl && sent.colVersion === change.colVersion;
    return !isSame || version <= part.span[0] || version > part.span[1];
  });
}

/** The engine may invent one, with a column's author, where a row has columns. */
function isLiveSentinel({ table, cid, cl }: Change): boolean {
  return cid === '-1' && cl % 2 === 1 && table !== 'tag';
}

/** A newcomer ends with the same contents, however it is fed. */
export function judgeNewcomer(world: World, random: Random): Failure[] {
  const { running, ledger, newcomer } = world;
  const failures = mayShowUnclaimed(world) ? feedByPieces(world, random) : feedByWants(world, random);
  if (failures.length > 0) return failures;
  const contents = contentsOf(newcomer.store.connection, ledger.refusedRows);
  const theirs = contentsOf(running[0]!.store.connection, ledger.refusedRows);
  const difference = differenceOf(contents.tables, theirs.tables) ?? differenceOf(contents.changes, theirs.changes);
  return difference === undefined
    ? []
    : [{ oracle: 'newcomer', detail: `the newcomer and ${running[0]!.name}: ${difference}` }];
}

/** Rows that nobody claims: a file was replaced, or an author was lost for ever before an input in several groups ended. */
function mayShowUnclaimed({ filesReplaced, machines, limits }: World): boolean {
  return filesReplaced > 0 || (cutsInputs(limits) && [...machines.values()].some(({ gone }) => gone));
}

/** What a machine writes at once may be larger than a group: it is merged in pieces, of which only the last has claims. */
function cutsInputs({ groupChangesMax }: World['limits']): boolean {
  return groupChangesMax < DEFAULT_LIMITS.groupChangesMax;
}

/** The whole store of one holder, in its own order: rows that nobody claims any more come along. */
function feedByPieces({ running, newcomer }: World, random: Random): Failure[] {
  const { store } = random.pick(running);
  const changesMax = random.pick([1, 5, 1_000]);
  for (let from = STORE_VERSION_ZERO, last = false; !last;) {
    const piece = store.readPiece(from, { without: [], changesMax });
    newcomer.store.merge([{ parts: piece.parts, claims: emptyCoverage }]);
    from = piece.to;
    last = piece.last;
  }
  return [];
}

/** Each site by wants, each answered by any holder. */
function feedByWants(world: World, random: Random): Failure[] {
  const { running, newcomer } = world;
  const all = running.map((machine) => knownTo(world, machine)).reduce(unionCoverage, emptyCoverage);
  const changesMax = random.pick([1, 5, 1_000]);
  for (const [site, ranges] of random.shuffled([...all])) {
    for (let left = ranges; left.length > 0;) {
      const holder = random.pick(running);
      const part = holder.store.serveWant(site, left, { changesMax });
      if (part === undefined || part.claims.length === 0) {
        return [
          {
            oracle: 'newcomer',
            detail: `${holder.name} does not serve ${JSON.stringify(left)} of ${site.slice(0, 4)}`,
          },
        ];
      }
      world.trace(() => `${holder.name} serves ${JSON.stringify(left)} of ${site.slice(0, 4)}: ${describePart(part)}`);
      newcomer.store.merge([{ parts: [part], claims: coverageOf(site, part.claims) }]);
      left = subtractRanges(left, part.claims);
    }
  }
  return [];
}
