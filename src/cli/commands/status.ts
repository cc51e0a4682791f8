/** `crmesh status FILE|URL`: what a database holds, here or at a relay. */
import { withFile } from '../file-access.ts';
import { statusOfFile } from '../file-operations.ts';
import { getJson, httpUrl, isUrl } from '../relay-http.ts';
import type { Terminal } from '../terminal.ts';

export async function statusCommand(terminal: Terminal, place: string, token: string | undefined): Promise<void> {
  const status: object = isUrl(place) ? await statusOfUrl(place, token) : await statusOfPath(place);
  terminal.result(status, () => statusText(status));
}

function statusOfPath(file: string): Promise<object> {
  return withFile(file, { mustExist: true }, { operation: 'status', file }, statusOfFile);
}

/** A URL without a path is the relay itself. */
async function statusOfUrl(text: string, token: string | undefined): Promise<object> {
  const url = httpUrl(text);
  return await getJson(url.pathname.length > 1 ? url : httpUrl(text, '/health'), token);
}

function statusText(status: object): string {
  return Object.entries(status)
    .map(([name, value]) => `${name.padEnd(11)} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join('\n');
}
