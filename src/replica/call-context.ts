/**
 * The call context port: tells whether a call comes from inside a transaction's own callback.
 *
 * Node's door fills it with AsyncLocalStorage. Where a runtime has nothing like it, `noCallContext` knows nothing: a
 * nested call then waits until its own transaction reaches its time limit, and is told so.
 */
export interface CallContext {
  /** Runs `work` so that current() answers `token` in it and in everything it awaits. */
  run<T>(token: object, work: () => T): T;
  current(): object | undefined;
}

export const noCallContext: CallContext = {
  run: (_token, work) => work(),
  current: () => undefined,
};
