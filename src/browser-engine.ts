/** The engine in a browser: compiled while it comes, where the server names its type. */
import { ReplicationError } from './core/errors.ts';

/**
 * Errors  UNAVAILABLE, saying what to look at: nothing is served at `url`, or the page's policy or the browser lets no
 *         WebAssembly run.
 */
export async function compileEngine(url: string, load: () => Promise<Response>): Promise<WebAssembly.Module> {
  if (typeof WebAssembly === 'undefined') throw noEngine('this browser, or its lockdown mode, runs no WebAssembly');
  const answer = await load().catch((error: unknown) => {
    throw noEngine(`${url} cannot be fetched: serve crsqlite-sync.wasm there, or pass { engine }`, error);
  });
  if (!answer.ok) {
    throw noEngine(`${url} was answered with ${answer.status}: serve crsqlite-sync.wasm there, or pass { engine }`);
  }
  const type = answer.headers.get('content-type') ?? '';
  try {
    if (type.startsWith('application/wasm')) return await WebAssembly.compileStreaming(answer);
    return await WebAssembly.compile(await answer.arrayBuffer());
  } catch (error) {
    const advice = `look that ${url} is crsqlite-sync.wasm and that the policy has 'wasm-unsafe-eval'`;
    throw noEngine(
      `it cannot be compiled (${error instanceof Error ? error.message : String(error)}): ${advice}`,
      error,
    );
  }
}

function noEngine(why: string, cause?: unknown): ReplicationError {
  return new ReplicationError('UNAVAILABLE', `the engine of the database is not there: ${why}`, {}, { cause });
}
