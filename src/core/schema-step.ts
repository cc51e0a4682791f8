/** One step of a schema change, done, planned or refused; outward shape of migrations and SCHEMA_REFUSED. */
import { ReplicationError } from './errors.ts';

export interface SchemaStep {
  readonly action: string;
  /** '' where a statement names none. */
  readonly table: string;
  readonly column?: string;
  readonly refused?: boolean;
  readonly reason?: string;
  /** What to write or do instead. */
  readonly instead?: string;
}

/** A step that is not done, with its reason. */
export interface RefusedStep extends SchemaStep {
  readonly refused: true;
  readonly reason: string;
  readonly instead: string;
}

export function isRefused(step: SchemaStep): step is RefusedStep {
  return step.refused === true;
}

/** The SCHEMA_REFUSED of a schema change with its refused steps. */
export function schemaRefused(steps: readonly SchemaStep[]): ReplicationError {
  const refused = steps.filter(isRefused);
  const first = refused[0];
  const where = first === undefined ? '' : [first.table, first.column].filter((name) => name).join('.');
  const what =
    first === undefined ? 'the schema is refused' : `${where || 'schema'}: ${first.reason}: ${first.instead}`;
  const others = refused.length > 1 ? ` (and ${refused.length - 1} more in steps)` : '';
  return new ReplicationError('SCHEMA_REFUSED', what + others, { steps });
}
