/** SIGINT and SIGTERM as one promise: the command ends in order, closes what it opened and answers 0. */

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
