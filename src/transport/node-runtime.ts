/** The runtime of Node: the real clock, timers that keep no process alive, randomness of the system. */
import { randomBytes } from 'node:crypto';
import type { Runtime } from '../core/runtime.ts';

export function nodeRuntime(): Runtime {
  return {
    now: () => Date.now(),
    setTimer(ms, callback) {
      const timer = setTimeout(callback, ms);
      timer.unref();
      return () => clearTimeout(timer);
    },
    defer: (callback) => {
      setImmediate(callback);
    },
    randomBytes: (length) => new Uint8Array(randomBytes(length)),
  };
}
