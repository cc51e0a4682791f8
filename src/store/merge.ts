/**
 * Merges inputs of several links in one transaction: rows, book, claims, refusals and cursors together.
 *
 * First without savepoints; when the engine refuses a row, all over again with one a row, and the refused rows are
 * parked. Column checks are ignored then: a check over two columns would stop two valid updates for ever.
 */
import type { Coverage } from '../core/coverage.ts';
import type { Range, RangeSet } from '../core/range-set.ts';
import { coversRanges } from '../core/range-set.ts';
import { isReplicationError, ReplicationError } from '../core/errors.ts';
import type { SiteId } from '../core/site-id.ts';
import { bookRows } from './book.ts';
import { spanOfChange } from './change-check.ts';
import type { Knowledge } from './knowledge.ts';
import { KnowledgeDraft } from './knowledge.ts';
import type { MergePlan, PlannedPart, PlannedStep } from './merge-plan.ts';
import { WholeRowWriter } from './merge-fast.ts';
import type { MergeRow } from './merge-row.ts';
import { RowMerger } from './merge-row.ts';
import { parkChange } from './parked.ts';
import { attemptRow } from './row-savepoint.ts';
import type { StoreContext } from './store-context.ts';
import type { InputResult, MergeInput } from './store-port.ts';
import type { WholeRow } from './whole-row.ts';
import { wholeRowAt } from './whole-row.ts';

export interface Merged {
  readonly results: readonly InputResult[];
  readonly knowledge: Knowledge;
}

/** Applies plans in order; inside a transaction. `careful` gives every row its savepoint. */
export function applyPlans(
  context: StoreContext,
  knowledge: Knowledge,
  plans: readonly MergePlan[],
  careful: boolean,
): Merged {
  const before = knowledge.storedMax;
  const merger = new RowMerger(context);
  const writer = careful || !context.wholeRows ? undefined : new WholeRowWriter(context);
  const draft = new KnowledgeDraft(knowledge);
  const booked: PlannedPart[] = [];
  const results = plans.map((plan, index) =>
    applyPlan({ context, merger, writer, draft, careful, booked, index }, plan),
  );
  writer?.release();
  const after = context.clocks.storedMaxAfter(tablesOf(plans));
  if (after > before) bookParts(context, booked, [before, after]);
  draft.save(context.connection, context.sites);
  if (after > before) context.connection.prepare('UPDATE crmesh_self SET flushed = ?').run([after]);
  return { results, knowledge: draft.result(after) };
}

/** The tables that a merge may write to. */
function tablesOf(plans: readonly MergePlan[]): Set<string> {
  return new Set(plans.flatMap(({ tables }) => [...tables]));
}

interface Run {
  readonly context: StoreContext;
  readonly merger: RowMerger;
  /** Absent when every row gets its savepoint. */
  readonly writer: WholeRowWriter | undefined;
  readonly draft: KnowledgeDraft;
  readonly careful: boolean;
  /** Parts that changed a row, to be booked once the window is known. */
  readonly booked: PlannedPart[];
  readonly index: number;
}

function applyPlan(run: Run, plan: MergePlan): InputResult {
  if (plan.invalid.length > 0) return invalidResult(plan);
  const { draft } = run;
  const counts = { parked: 0 };
  const changedByPart = plan.parts.map((part) => applyPart(run, plan, part, counts));
  const growth = takeClaims(run, plan.input);
  const { refused } = plan.input;
  if (refused !== undefined) draft.add('refused', refused.site, refused.ranges);
  const changed = changedByPart.includes(true);
  const news = changed || growth.size > 0 || refused !== undefined || hasWaitingClaim(run, plan.input);
  const duplicates = Math.min(plan.duplicates, plan.changes - counts.parked - plan.leftOut);
  return {
    outcome: counts.parked > 0 ? 'parked' : news ? 'applied' : 'duplicate',
    applied: plan.changes - duplicates - counts.parked - plan.leftOut,
    duplicates,
    parked: counts.parked,
    leftOut: plan.leftOut,
    changedByPart,
    growth,
    invalid: [],
  };
}

/** Merges or parks the changes of a part; true when this store's rows changed. */
function applyPart(run: Run, { input }: MergePlan, part: PlannedPart, counts: { parked: number }): boolean {
  const { writer } = run;
  const writtenBefore = writer?.written;
  let changed = false;
  for (const steps of part.steps) changed = applySteps(run, steps, counts) || changed;
  if (writer !== undefined) changed = mergeCells(run, writer.flush()) || changed;
  changed ||= writer?.written !== writtenBefore;
  const claimed = (input.claims.get(part.site) ?? []).length > 0;
  if (changed && (claimed || !run.context.faults['span-booking'])) run.booked.push(part);
  return changed;
}

/** True when rows changed; whole rows may still wait for their statement. */
function applySteps(run: Run, steps: readonly PlannedStep[], counts: { parked: number }): boolean {
  const { writer } = run;
  let changed = false;
  for (let i = 0; i < steps.length;) {
    const whole = writer === undefined ? undefined : wholeRowAt(steps, i);
    if (whole !== undefined) {
      changed = mergeCells(run, writer!.add(whole)) || changed;
      i += whole.length;
      continue;
    }
    if (writer !== undefined) changed = mergeCells(run, writer.flush()) || changed;
    const outcome = applyStep(run, steps[i]!);
    if (outcome === 'parked') counts.parked += 1;
    changed ||= outcome === 'changed';
    i += 1;
  }
  return changed;
}

/** Rows that came whole and are known here. */
function mergeCells(run: Run, rows: readonly WholeRow[]): boolean {
  let changed = false;
  for (const row of rows) for (const cell of row) changed = mergeCell(run, cell) || changed;
  return changed;
}

function applyStep(run: Run, step: PlannedStep): 'changed' | 'unchanged' | 'parked' {
  if (step.kind === 'park') return park(run, step.parked);
  if (!run.careful) return mergeCell(run, step.row) ? 'changed' : 'unchanged';
  const { changed, reason } = attemptRow(run.context, run.merger, step.row);
  if (reason === undefined) return changed ? 'changed' : 'unchanged';
  const { site, change } = step.row;
  return park(run, { site, change, span: spanOfChange(change, step.span), reason });
}

function mergeCell({ merger, writer }: Run, row: MergeRow): boolean {
  const changed = merger.merge(row);
  writer?.engineMerged();
  return changed;
}

function park({ context, draft, index }: Run, parked: Parameters<typeof parkChange>[1]): 'parked' {
  if (!parkChange(context, parked)) return 'parked';
  draft.parkedChanges += 1;
  draft.add('parkedSpans', parked.site, [parked.span]);
  if (draft.parkedChanges > context.limits.parkedChangesMax) throw parkingFull(context.limits.parkedChangesMax, index);
  return 'parked';
}

/** Ends the transaction; details.input = the input that the others go on without. */
function parkingFull(changesMax: number, input: number): ReplicationError {
  const message = `more than ${changesMax} changes wait for a migration here: migrate this replica, then connect again`;
  return new ReplicationError('PARKED_FULL', message, { input });
}

function hasWaitingClaim({ context, draft }: Run, { claims }: MergeInput): boolean {
  return [...claims].some(
    ([site, ranges]) => site !== context.site && !coversRanges(draft.ranges('have', site), ranges),
  );
}

/** Claims on our own site are dropped: nobody knows it better. */
function takeClaims({ context, draft }: Run, input: MergeInput): Coverage {
  const growth = new Map<SiteId, RangeSet>();
  for (const [site, ranges] of input.claims) {
    if (site === context.site) continue;
    const news = draft.claim(site, ranges, context.faults['claims-over-parked']);
    if (news.length > 0) growth.set(site, news);
  }
  return growth;
}

/** Every part that changed a row is booked with its own span over the common window. */
function bookParts({ connection, sites, limits }: StoreContext, parts: readonly PlannedPart[], window: Range): void {
  for (const { site, span } of parts) {
    bookRows(connection, { ord: sites.ordOf(site), window, span }, limits.bookEntriesMax);
  }
}

function invalidResult({ invalid, parts }: MergePlan): InputResult {
  return {
    outcome: 'invalid',
    applied: 0,
    duplicates: 0,
    parked: 0,
    leftOut: 0,
    changedByPart: parts.map(() => false),
    growth: new Map(),
    invalid,
  };
}

/** The plan of an input that the parking place has no room for; undefined for every other failure. */
export function plansWithoutOverflow(plans: readonly MergePlan[], error: unknown): MergePlan[] | undefined {
  if (!isReplicationError(error, 'PARKED_FULL')) return undefined;
  const invalid = [{ index: 0, code: error.code, message: error.message }];
  return plans.map((plan, i) => (i === error.details['input'] ? { ...plan, invalid } : plan));
}

/** The plan without its changes: the fault 'claims-before-rows'. */
export function claimsOnly(plan: MergePlan): MergePlan {
  const { cursor: _cursor, ...input } = plan.input;
  return { ...plan, input, parts: [], changes: 0, duplicates: 0, leftOut: 0 };
}
