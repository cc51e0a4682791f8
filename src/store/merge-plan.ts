/**
 * What a merge will do with each change of an input, decided before its transaction begins.
 *
 * An input is taken whole or, when one change is invalid in itself, not at all.
 */
import type { Change } from '../core/change.ts';
import type { ErrorCode } from '../core/errors.ts';
import { ReplicationError } from '../core/errors.ts';
import type { ChangeRows, ReceivedBody } from '../core/part.ts';
import type { Range } from '../core/range-set.ts';
import { coversRanges, rangeSetHas, unionRanges } from '../core/range-set.ts';
import type { SiteId } from '../core/site-id.ts';
import { rangesOfSite } from '../core/coverage.ts';
import { bytesEqual } from '../core/sql-value.ts';
import { ChangeChecker, isBeyondAnnounced, spanOfChange } from './change-check.ts';
import type { Knowledge } from './knowledge.ts';
import type { MergeRow } from './merge-row.ts';
import { leapFault } from './number-leap.ts';
import type { StoreContext } from './store-context.ts';
import type { InvalidChange, MergeInput } from './store-port.ts';

export interface ParkedChange {
  readonly site: SiteId;
  /** Where its origin version lies. */
  readonly span: Range;
  readonly change: Change;
  readonly reason: string;
}

/** One step; a change that is skipped or discarded has none. */
export type PlannedStep =
  | { readonly kind: 'merge'; readonly row: MergeRow; readonly span: Range }
  | { readonly kind: 'park'; readonly parked: ParkedChange };

export interface PlannedPart {
  readonly site: SiteId;
  readonly span: Range;
  /** In batches; those of rows that are no array are planned again when their turn comes, and never all there. */
  readonly steps: Iterable<readonly PlannedStep[]>;
}

export interface MergePlan {
  readonly input: MergeInput;
  readonly parts: readonly PlannedPart[];
  /** Changes of ranges that are already held. */
  readonly duplicates: number;
  readonly changes: number;
  readonly leftOut: number;
  /** The tables that it may write to. */
  readonly tables: ReadonlySet<string>;
  /** Not empty: nothing of this input is applied. */
  readonly invalid: readonly InvalidChange[];
}

/** What of an input is invalid. Plans nothing: an input that is larger than a group is only looked through whole. */
export function invalidChanges(
  context: StoreContext,
  knowledge: Knowledge,
  input: MergeInput,
): readonly InvalidChange[] {
  return planMerge(context, knowledge, input, false).invalid;
}

export function planMerge(
  context: StoreContext,
  knowledge: Knowledge,
  input: MergeInput,
  keepsSteps = true,
): MergePlan {
  const invalid: InvalidChange[] = [];
  const parts: PlannedPart[] = [];
  const counts = { changes: 0, duplicates: 0, leftOut: 0 };
  const tables = new Set<string>();
  for (const part of input.parts) {
    const steps: PlannedStep[] | undefined = keepsSteps && Array.isArray(part.rows) ? [] : undefined;
    const planned = planner(context, knowledge, { input, part });
    const held = rangesOfSite(knowledge.have, part.site);
    const wholeHeld = coversRanges(held, [part.span]);
    for (const change of part.rows) {
      const index = counts.changes++;
      const step = planned(change);
      if (step === 'left-out') {
        counts.leftOut += 1;
      } else if (step !== undefined && 'code' in step) {
        invalid.push({ index, ...step });
      } else {
        if (wholeHeld || (change.version !== undefined && rangeSetHas(held, change.version))) counts.duplicates += 1;
        if (step?.kind === 'merge') tables.add(step.row.table.name);
        if (step !== undefined) steps?.push(step);
      }
    }
    const later = (): Iterable<readonly PlannedStep[]> => stepsLater(part.rows, planned, context.limits.columnsMax);
    parts.push({ site: part.site, span: part.span, steps: steps === undefined ? later() : [steps] });
  }
  const excess = claimExcess(context, knowledge, input);
  if (excess !== undefined) invalid.push({ index: 0, code: 'LIMIT_EXCEEDED', message: excess });
  return { input, parts, ...counts, tables, invalid };
}

type Planned = PlannedStep | Invalid | 'left-out' | undefined;

/** What becomes of each change of a part. */
function planner(
  context: StoreContext,
  knowledge: Knowledge,
  { input, part }: { readonly input: MergeInput; readonly part: ReceivedBody },
): (change: Change) => Planned {
  const checker = new ChangeChecker(context);
  return part.site === context.site
    ? (change) => ownChange(knowledge, change, part.span)
    : (change) => boundToHeld(context, input, planChange(checker, part, change));
}

/** Rows that are planned at once. */
const BATCH_ROWS = 200;

/** Steps a batch at a time; the cells of a row, of which there are `cellsMax` at most, stay together. */
function stepsLater(
  rows: ChangeRows,
  planned: (change: Change) => Planned,
  cellsMax: number,
): Iterable<readonly PlannedStep[]> {
  return {
    *[Symbol.iterator](): Iterator<readonly PlannedStep[]> {
      let steps: PlannedStep[] = [];
      for (let start = 0; start < rows.length; start += BATCH_ROWS) {
        for (const change of rows.slice(start, start + BATCH_ROWS)) {
          const step = planned(change);
          // What was merged before it in this transaction may forbid what the check of the whole did not.
          if (typeof step === 'object' && 'code' in step) throw new ReplicationError(step.code, step.message);
          if (typeof step === 'object') steps.push(step);
        }
        const end = Math.max(startOfLastRow(steps), steps.length - cellsMax);
        yield steps.slice(0, end);
        steps = steps.slice(end);
      }
      yield steps;
    },
  };
}

function startOfLastRow(steps: readonly PlannedStep[]): number {
  let start = steps.length - 1;
  while (start > 0 && isSameRow(steps[start - 1]!, steps[start]!)) start -= 1;
  return Math.max(0, start);
}

function isSameRow(a: PlannedStep, b: PlannedStep): boolean {
  if (a.kind !== 'merge' || b.kind !== 'merge' || a.row.table !== b.row.table) return false;
  return bytesEqual(a.row.change.pk, b.row.change.pk);
}

/** Only a leaf is bound: what peers hold has been through the edge of one of them. */
function boundToHeld(
  context: StoreContext,
  { fromLeaf }: MergeInput,
  step: PlannedStep | Invalid | undefined,
): Planned {
  if (fromLeaf === undefined || step === undefined || 'code' in step) return step;
  const message = leapFault(context, step.kind === 'merge' ? step.row : { change: step.parked.change });
  if (message === undefined) return step;
  return fromLeaf === 'vouched' ? 'left-out' : { code: 'CHANGE_INVALID', message };
}

type Invalid = { readonly code: ErrorCode; readonly message: string };

function planChange(
  checker: ChangeChecker,
  { site, span }: ReceivedBody,
  change: Change,
): PlannedStep | Invalid | undefined {
  const checked = checker.check(change, span);
  switch (checked.verdict) {
    case 'invalid':
      return { code: checked.code, message: checked.message };
    case 'park':
      return { kind: 'park', parked: { site, span: spanOfChange(change, span), change, reason: checked.reason } };
    case 'merge':
      return new MergeStep(new CheckedRow(site, checked), span);
    case 'discard':
      return undefined;
  }
}

/** Why  Classes, as DecodedChange: there is one of each a change, few of them are kept, and V8 must not think otherwise. */
class MergeStep {
  readonly kind = 'merge';
  readonly row: MergeRow;
  readonly span: Range;

  constructor(row: MergeRow, span: Range) {
    this.row = row;
    this.span = span;
  }
}

class CheckedRow implements MergeRow {
  readonly site: SiteId;
  readonly table: MergeRow['table'];
  readonly key: MergeRow['key'];
  readonly change: Change;

  constructor(site: SiteId, { table, key, change }: Omit<MergeRow, 'site'>) {
    this.site = site;
    this.table = table;
    this.key = key;
    this.change = change;
  }
}

/** A change of our own site that we did announce is no news; one that we never wrote betrays a copy or a forgery. */
function ownChange({ announced }: Knowledge, change: Change, span: Range): Invalid | undefined {
  if (!isBeyondAnnounced(change, span, announced)) return undefined;
  const message = `a change of this replica's own site beyond its version ${announced}: another copy of this file writes under the same id`;
  return { code: 'SITE_CONFLICT', message };
}

/** A peer may not make us remember ranges or sites without bound. */
function claimExcess({ limits, site: own }: StoreContext, knowledge: Knowledge, input: MergeInput): string | undefined {
  for (const [site, ranges] of input.claims) {
    if (site === own) continue;
    const count = unionRanges(rangesOfSite(knowledge.have, site), ranges).length;
    if (count > limits.rangesMax)
      return `more than ${limits.rangesMax} ranges of one site: send what lies between them`;
  }
  const sites = knowledge.have.size + input.claims.size;
  return sites > limits.sitesMax && [...input.claims.keys()].some((site) => !knowledge.have.has(site))
    ? `more than ${limits.sitesMax} sites`
    : undefined;
}
