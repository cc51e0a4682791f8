/** Runs what a suite registered and tells the page. */
import { runTests } from './vitest.ts';

export function reportTests(): void {
  runTests().then(
    (results) => postMessage({ results }),
    (error: unknown) =>
      postMessage({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
}
