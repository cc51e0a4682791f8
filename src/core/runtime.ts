/** What floors above the values need from the machine, as a parameter: the simulator and the tests give their own. */
export interface Runtime {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls back once after `ms`; the returned function cancels it. A timer alone does not keep a process alive. */
  setTimer(ms: number, callback: () => void): () => void;
  /** Calls back soon, after the current event and the frames that are already there. */
  defer(callback: () => void): void;
  randomBytes(length: number): Uint8Array;
}

/** A structured log line: pino's shape, so that a pino logger fits as it is. */
export interface Log {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}
