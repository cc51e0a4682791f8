/**
 * The two streams of the command: results on stdout, progress and log on stderr.
 *
 * With `json` a result is one line of JSON and an error its body as one line on stderr; without, both are for eyes.
 */
import { ReplicationError } from '../core/errors.ts';

export interface Terminal {
  readonly json: boolean;
  /** Whether stderr is a screen: progress bars or plain lines. */
  readonly isScreen: boolean;
  /** Writes a result: as JSON, or as the text that `human` makes. */
  result(value: unknown, human: () => string): void;
  /** Writes a line of progress or advice. */
  note(text: string): void;
  error(error: unknown): void;
}

export function terminalOf(options: { readonly json: boolean }): Terminal {
  const { json } = options;
  const isScreen = process.stderr.isTTY === true && !json;
  return {
    json,
    isScreen,
    result: (value, human) => void process.stdout.write(`${json ? JSON.stringify(value) : human()}\n`),
    note: (text) => void process.stderr.write(`${text}\n`),
    error: (error) => void process.stderr.write(`${errorText(error, json)}\n`),
  };
}

function errorText(error: unknown, json: boolean): string {
  if (error instanceof ReplicationError) {
    if (json) return JSON.stringify(error);
    const advice = error.code === 'UNAUTHORIZED' ? ' (here: --token, or CRMESH_TOKEN)' : '';
    return `crmesh: ${error.message}${advice} [${error.code}]${detailText(error.details)}`;
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return json ? JSON.stringify({ code: 'INVARIANT', message, fault: 'bug', retry: 'never' }) : `crmesh: ${message}`;
}

/** Steps of a refused schema, one a line; other details are in the JSON form only. */
function detailText(details: Readonly<Record<string, unknown>>): string {
  if (!Array.isArray(details['steps'])) return '';
  return details['steps'].map((step) => `\n  ${JSON.stringify(step)}`).join('');
}
