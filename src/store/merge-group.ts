/**
 * A group of inputs as one commit, tried until it stands: quickly, then row by row, then without the input that the
 * parking place has no room for.
 */
import type { SiteId } from '../core/site-id.ts';
import type { Knowledge } from './knowledge.ts';
import type { MergePlan } from './merge-plan.ts';
import { planMerge } from './merge-plan.ts';
import type { Merged } from './merge.ts';
import { applyPlans, claimsOnly, plansWithoutOverflow } from './merge.ts';
import type { CursorRecord } from './peer-records.ts';
import { isRowFault } from './row-savepoint.ts';
import type { StoreContext } from './store-context.ts';
import type { MergeInput } from './store-port.ts';

export interface MergedGroup extends Merged {
  /** Cursors of the inputs that were taken, in arrival order. */
  readonly cursors: readonly CursorRecord[];
}

/**
 * Merges inputs in arrival order.
 *
 * Assumes `commit` runs its work in one transaction and rolls it back when the work throws.
 * Errors  of the disk and the engine, never for what a peer sent.
 */
export function mergeGroup(
  context: StoreContext,
  knowledge: Knowledge,
  inputs: readonly MergeInput[],
  commit: (work: () => MergedGroup) => MergedGroup,
): MergedGroup {
  let plans = withoutFollowers(inputs.map((input) => planMerge(context, knowledge, input)));
  let careful = false;
  const start = context.faults['claims-before-rows'] ? commitClaims(context, knowledge, plans, commit) : knowledge;
  for (;;) {
    try {
      return careful
        ? ignoringChecks(context, () => commit(() => group(context, start, plans, true)))
        : commit(() => group(context, start, plans, false));
    } catch (error) {
      const without = plansWithoutOverflow(plans, error);
      if (without !== undefined) plans = withoutFollowers(without);
      else if (!careful && isRowFault(error)) careful = true;
      else throw error;
    }
  }
}

/** A peer's window stands on its windows before: after one that is not taken none is, or the cursor would pass it. */
function withoutFollowers(plans: readonly MergePlan[]): MergePlan[] {
  const ended = new Map<SiteId, MergePlan['invalid']>();
  return plans.map((plan) => {
    const peer = plan.input.cursor?.peer;
    if (peer === undefined) return plan;
    const invalid = ended.get(peer) ?? plan.invalid;
    if (invalid.length > 0) ended.set(peer, invalid);
    return { ...plan, invalid };
  });
}

function group(
  context: StoreContext,
  knowledge: Knowledge,
  plans: readonly MergePlan[],
  careful: boolean,
): MergedGroup {
  return { ...applyPlans(context, knowledge, plans, careful), cursors: plans.flatMap(cursorOfPlan) };
}

function cursorOfPlan({ input, invalid }: MergePlan): CursorRecord[] {
  if (input.cursor === undefined || invalid.length > 0) return [];
  return [{ peer: input.cursor.peer, subset: '', cursor: input.cursor.cursor }];
}

/** A check over two columns would stop two valid updates on both sides for ever. */
function ignoringChecks<T>({ connection }: StoreContext, work: () => T): T {
  connection.exec('PRAGMA ignore_check_constraints = 1');
  try {
    return work();
  } finally {
    connection.exec('PRAGMA ignore_check_constraints = 0');
  }
}

function commitClaims(
  context: StoreContext,
  knowledge: Knowledge,
  plans: readonly MergePlan[],
  commit: (work: () => MergedGroup) => MergedGroup,
): Knowledge {
  return commit(() => group(context, knowledge, plans.map(claimsOnly), false)).knowledge;
}
