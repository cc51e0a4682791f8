/** SIGINT and SIGTERM as one promise: the command ends in order and closes what it opened. One that stays answers 0. */
import { ReplicationError } from '../core/errors.ts';

export interface StopSignal {
  /** Resolves at the first signal. A second one ends the process at once. */
  readonly stopped: Promise<void>;
  dispose(): void;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function stopSignal(): StopSignal {
  let count = 0;
  let stop: (() => void) | undefined;
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  const onSignal = (): void => {
    count += 1;
    if (count > 1) process.exit(130);
    stop?.();
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    stopped,
    dispose: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}

/** What the work answers, or an error when a signal comes before; the caller then ends what still goes on. */
export async function unlessStopped<T>(work: Promise<T>, what: string, advice: string): Promise<T> {
  const stop = stopSignal();
  const early = stop.stopped.then((): never => {
    throw stoppedEarly(what, advice);
  });
  try {
    return await Promise.race([work, early]);
  } finally {
    stop.dispose();
  }
}

/** A command that has an end was told to stop before it: no result, exit code 1. */
export function stoppedEarly(what: string, advice: string): ReplicationError {
  return new ReplicationError('CLOSED', `${what} was stopped before its end: ${advice}`);
}
