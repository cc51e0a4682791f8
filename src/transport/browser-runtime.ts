/** The runtime of a browser, of its page and its workers. */
import type { Runtime } from '../core/runtime.ts';

/** Work that is deferred travels through a message channel: timers of a hidden page wait for up to a second. */
export function browserRuntime(): Runtime {
  const waiting: (() => void)[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => waiting.shift()?.();
  return {
    now: () => Date.now(),
    setTimer(ms, callback) {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
    defer(callback) {
      waiting.push(callback);
      port2.postMessage(undefined);
    },
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  };
}
