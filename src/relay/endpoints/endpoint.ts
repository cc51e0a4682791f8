/** An endpoint: the operation the hook is asked for, and what answers. */
import type { Operation } from '../access.ts';
import type { Call } from '../relay-context.ts';

export interface Endpoint {
  readonly operation: Operation;
  /** Called with a grant for the operation; throws coded errors. */
  readonly run: (call: Call) => Promise<Response>;
}
