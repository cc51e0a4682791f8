/** `crmesh sync FILE URL`: keeps a file and a database at a relay equal, once or until it is stopped. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ReplicationError } from '../../core/errors.ts';
import type { SyncLink } from '../../node.ts';
import { controlAddressOf, askHolder } from '../control-client.ts';
import { holdFile, type FileOpening, type HeldFile } from '../file-access.ts';
import {
  openLink,
  syncOnce,
  syncReport,
  type SyncedReport,
  type SyncNotes,
  type SyncReport,
  type SyncRequest,
} from '../file-operations.ts';
import { megabytes } from '../progress.ts';
import { getText, httpUrl, isUrl } from '../relay-http.ts';
import { readSchema } from '../schema-file.ts';
import { stopSignal, unlessStopped } from '../stop-signal.ts';
import type { Terminal } from '../terminal.ts';

export interface SyncOptions extends SyncRequest {
  readonly file: string;
  /** Path of a schema text. */
  readonly schema: string | undefined;
  readonly once: boolean;
}

const STOPPED = ['the exchange', 'run it again; what is not sent stays in the file'] as const;

export async function syncCommand(terminal: Terminal, options: SyncOptions): Promise<void> {
  if (!isUrl(options.url)) {
    throw new ReplicationError('USAGE', `'${options.url}' is no URL: give one like ws://127.0.0.1:8787/todo`);
  }
  const opening = await openingOf(options);
  let held: HeldFile;
  try {
    held = await holdFile(options.file, opening);
  } catch (error) {
    return await syncByHolder(terminal, options, error);
  }
  try {
    if (options.once)
      showReport(terminal, await unlessStopped(syncOnce(held.db, options, notesOf(terminal)), ...STOPPED));
    else await follow(terminal, openLink(held.db, options), options);
  } finally {
    await held.close();
  }
}

/** A file that is not there yet takes the schema that is given, or the one that the relay has. */
async function openingOf({ file, schema, url, token }: SyncOptions): Promise<FileOpening> {
  if (schema !== undefined) return { schema: readSchema(schema) };
  if (existsSync(file)) return {};
  return { schema: await getText(httpUrl(url, '/schema'), token) };
}

async function syncByHolder(terminal: Terminal, options: SyncOptions, error: unknown): Promise<void> {
  const address = controlAddressOf(error);
  if (address === undefined) throw error;
  if (!options.once) {
    const { pid } = (error as ReplicationError).details;
    const message = `process ${String(pid)} holds ${options.file}: only --once works beside it`;
    throw new ReplicationError('FILE_LOCKED', message, { pid });
  }
  const { url, token } = options;
  const report = await askHolder(address, { operation: 'sync', file: resolve(options.file), url, token });
  showReport(terminal, report as SyncedReport);
}

async function follow(terminal: Terminal, link: SyncLink, { file, url }: SyncOptions): Promise<void> {
  const stop = stopSignal();
  terminal.result({ event: 'syncing', file, url }, () => `${file} follows ${url}; Ctrl-C ends it`);
  link.on('status', ({ state, lastError }) => {
    terminal.note(lastError === undefined || state === 'live' ? state : `${state}: ${lastError.message}`);
  });
  const refused = new Promise<ReplicationError>((refuse) => {
    link.on('error', (error) => {
      if (link.status.state === 'refused') refuse(error);
    });
  });
  const ended = await Promise.race([stop.stopped, refused]);
  stop.dispose();
  const report = { event: 'stopped', ...syncReport(link.status) };
  link.close();
  if (ended !== undefined) throw ended;
  terminal.result(report, () => reportText(report));
}

/** What moved, once a second; and why it does not move, once a reason. */
function notesOf(terminal: Terminal): SyncNotes {
  let nextMs = performance.now() + 1_000;
  let lastReason = '';
  return {
    progress: (report) => {
      if (terminal.json || performance.now() < nextMs) return;
      nextMs = performance.now() + 1_000;
      terminal.note(reportText(report));
    },
    waiting: (reason) => {
      if (reason === lastReason) return;
      lastReason = reason;
      terminal.note(`still trying: ${reason} (Ctrl-C ends it; what is not sent stays in the file)`);
    },
  };
}

function showReport(terminal: Terminal, report: SyncedReport): void {
  terminal.result(report, () => reportText(report));
  if (report.parked === 0) return;
  terminal.note(`${report.parked} changes wait for tables or columns that this file lacks: crmesh migrate adds them`);
}

function reportText(report: SyncReport): string {
  const { changesSent, changesReceived, bytesSent, bytesReceived, firstSync } = report;
  const image = firstSync === 'image' ? 'the database as one file and ' : '';
  const sent = `sent ${changesSent} changes (${megabytes(bytesSent)} MB)`;
  return `${report.state}: ${sent}, received ${image}${changesReceived} changes (${megabytes(bytesReceived)} MB)`;
}
