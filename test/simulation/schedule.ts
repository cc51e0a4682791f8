/**
 * One schedule: a world from a seed, some dozen actions of its users and of fate, then the end that must be the same
 * for all: healed, connected, quiet, equal.
 */
import type { Computers } from './computers.ts';
import type { Counts } from './counts.ts';
import { Fate } from './fate.ts';
import type { Failure } from './oracles.ts';
import { isSettled, judge, judgeClaims, judgeNewcomer, judgeServing } from './oracles.ts';
import { Random } from './random.ts';
import { SECOND_SCHEMA } from './schema-texts.ts';
import { changeText } from './trace.ts';
import { World } from './world.ts';
import { planWorld } from './world-plan.ts';

export interface ScheduleResult {
  readonly seed: number;
  readonly actions: number;
  readonly failures: readonly Failure[];
  /** For a look at what was covered. */
  readonly shape: string;
  readonly virtualMs: number;
  readonly changes: number;
  /** How often each kind of fault happened. */
  readonly faults: Counts;
}

const MINUTE = 60_000;
const SETTLE_MINUTES = 20;
/** Longer than the longest wait before something is sent again. */
const GRACE_MS = 70_000;
const QUIET_MS = 2 * MINUTE;
/** Share of the commits after which what their machine claims is looked at. */
const CLAIMS_JUDGED = 0.04;
/** Far above what any schedule needs. */
const JOBS_MAX = 500_000;

/** Runs one schedule to its end and judges it. */
export function runSchedule(
  seed: number,
  computers: Computers,
  options: { readonly trace?: (line: string) => void; readonly only?: ReadonlySet<number> } = {},
): ScheduleResult {
  const plan = planWorld(new Random(seed, 'plan'));
  const world = new World(plan, { computers, seed, trace: options.trace });
  world.trace(
    () => `${plan.shape} ${JSON.stringify(plan.edges)} ${JSON.stringify(plan.network)} ${JSON.stringify(plan.limits)}`,
  );
  const fate = new Fate(world, seed);
  const failures: Failure[] = [];
  const moments = new Random(seed, 'moments');
  world.onCommit = (machine) => {
    if (failures.length === 0 && moments.chance(CLAIMS_JUDGED)) failures.push(...judgeClaims(world, machine));
  };
  world.onLateError = (error) => failures.push(exceptionOf(error));
  try {
    fate.begin();
    for (let i = 0; i < plan.actions; i++) if (options.only?.has(i) !== false) fate.act(i);
    fate.end();
    failures.push(...settle(world));
    failures.push(...judge(world));
    if (failures.length === 0) failures.push(...judgeServing(world, new Random(seed, 'serving')));
    if (failures.length === 0) failures.push(...newcomerOf(world, seed));
  } catch (error) {
    failures.push(exceptionOf(error));
  }
  const changes = world.ledger.written.length;
  if (failures.length > 0) traceWritten(world);
  for (const machine of world.machines.values()) machine.discard();
  return {
    seed,
    actions: plan.actions,
    failures,
    shape: plan.shape,
    virtualMs: world.clock.elapsedMs,
    changes,
    faults: world.faults,
  };
}

function exceptionOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { oracle: 'exception', detail: String(error) };
  const cause = String((error.cause as Error | undefined)?.stack ?? '');
  return { oracle: 'exception', detail: `${error.stack}\n${cause}` };
}

/** Runs the clock until everybody holds the same, then listens whether it stays quiet. */
function settle(world: World): Failure[] {
  world.ledger.settleRefusals();
  for (let minute = 0; minute < SETTLE_MINUTES; minute++) {
    world.clock.runFor(minute === 0 ? 5_000 : minute === 1 ? 20_000 : MINUTE);
    world.ledger.settleRefusals();
    if (world.clock.jobsRun > JOBS_MAX) return [{ oracle: 'endless', detail: `${JOBS_MAX} jobs and no rest` }];
    if (isSettled(world)) return listen(world);
  }
  return [{ oracle: 'settled', detail: `not equal after ${SETTLE_MINUTES} minutes without faults` }];
}

function listen(world: World): Failure[] {
  world.clock.runFor(GRACE_MS);
  const before = world.busyMessages;
  world.clock.runFor(QUIET_MS);
  const sent = world.busyMessages - before;
  return sent === 0
    ? []
    : [{ oracle: 'quiet', detail: `${sent} messages although nothing is new, e.g. ${world.lastBusy}` }];
}

function newcomerOf(world: World, seed: number): Failure[] {
  const { newcomer } = world;
  try {
    newcomer.start();
    if (world.plan.migrates) newcomer.replica.migrate(SECOND_SCHEMA);
    return judgeNewcomer(world, new Random(seed, 'wants'));
  } finally {
    if (newcomer.isRunning) newcomer.crash('process');
  }
}

function traceWritten(world: World): void {
  for (const { site, change } of world.ledger.written)
    world.trace(() => `written by ${site.slice(0, 4)}: ${changeText(change)}`);
}
