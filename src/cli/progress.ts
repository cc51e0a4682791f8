/**
 * Progress on stderr: bars on a screen, a line a few seconds apart elsewhere, nothing with --json.
 */
import cliProgress from 'cli-progress';
import type { Terminal } from './terminal.ts';

export interface ProgressCounts {
  readonly rows?: number;
  readonly changes?: number;
  readonly bytes?: number;
}

export interface Progress {
  /** `done` of the total; counts beside it. */
  update(done: number, counts: ProgressCounts): void;
  /** Fills the bar and leaves it on the screen. */
  end(counts: ProgressCounts): void;
}

/** What `work` answers; however it ends, the bar draws no more and the terminal is as it was. */
export async function withProgress<T>(
  terminal: Terminal,
  options: ProgressOptions,
  work: (progress: Progress) => Promise<T>,
): Promise<T> {
  const { stop, ...progress } = progressOf(terminal, options);
  try {
    return await work(progress);
  } finally {
    stop();
  }
}

export interface ProgressOptions {
  readonly label: string;
  readonly total: number;
}

interface Stoppable extends Progress {
  /** Idempotent. */
  stop(): void;
}

const plainLineMs = 2_000;

function progressOf(terminal: Terminal, options: ProgressOptions): Stoppable {
  const startedMs = performance.now();
  const facts = (done: number, counts: ProgressCounts): string => factText(done, performance.now() - startedMs, counts);
  if (terminal.json) return { update: () => undefined, end: () => undefined, stop: () => undefined };
  return terminal.isScreen ? screenBar(options, facts) : plainLines(terminal, options, facts);
}

type Facts = (done: number, counts: ProgressCounts) => string;

function screenBar(options: ProgressOptions, facts: Facts): Stoppable {
  const bar = new cliProgress.SingleBar({
    format: `{label} {bar} {percentage}% {facts}`,
    stream: process.stderr,
    hideCursor: true,
    barsize: 24,
    fps: 8,
    linewrap: false,
  });
  const label = options.label.padEnd(22);
  bar.start(Math.max(1, options.total), 0, { label, facts: '' });
  return {
    update: (done, counts) => bar.update(Math.min(done, options.total), { label, facts: facts(done, counts) }),
    end: (counts) => {
      bar.update(Math.max(1, options.total), { label, facts: facts(options.total, counts) });
      bar.stop();
    },
    // Its timer would keep the process alive.
    stop: () => bar.stop(),
  };
}

function plainLines(terminal: Terminal, options: ProgressOptions, facts: Facts): Stoppable {
  let nextMs = performance.now() + plainLineMs;
  return {
    update: (done, counts) => {
      if (performance.now() < nextMs) return;
      nextMs = performance.now() + plainLineMs;
      const percent = Math.floor((100 * Math.min(done, options.total)) / Math.max(1, options.total));
      terminal.note(`${options.label}: ${percent}% ${facts(done, counts)}`);
    },
    end: (counts) => terminal.note(`${options.label}: done ${facts(options.total, counts)}`),
    stop: () => undefined,
  };
}

function factText(done: number, elapsedMs: number, counts: ProgressCounts): string {
  const rate = elapsedMs > 0 ? Math.round((done * 1000) / elapsedMs) : 0;
  const parts = [
    counts.rows === undefined ? undefined : `${grouped(counts.rows)} rows`,
    counts.changes === undefined ? undefined : `${grouped(counts.changes)} changes`,
    counts.bytes === undefined ? undefined : `${megabytes(counts.bytes)} MB`,
    `${grouped(rate)}/s`,
    `${(elapsedMs / 1000).toFixed(1)} s`,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

/** 171075 -> 171,075 */
export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(2);
}
