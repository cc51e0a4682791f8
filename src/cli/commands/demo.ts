/**
 * `crmesh demo`: 171,075 real cities from replica A through a relay to the empty replica B, edits on both sides
 * while they are apart, live edits, and the proof that all three hold the same.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { citySource } from '../demo/cities.ts';
import { runDemo, type DemoOutcome } from '../demo/demo-run.ts';
import { DemoWorld } from '../demo/demo-world.ts';
import { EXIT_DONE, EXIT_FAILURE } from '../exit-code.ts';
import { grouped, megabytes } from '../progress.ts';
import { withPortAdvice } from '../relay-server.ts';
import { stoppedEarly, stopSignal, type StopSignal } from '../stop-signal.ts';
import type { Terminal } from '../terminal.ts';
import { textTable } from '../text-table.ts';

export interface DemoOptions {
  readonly once: boolean;
  readonly rows: number | undefined;
  /** 8787 by default, a free one with `once`. */
  readonly port: number | undefined;
}

/** Answers the exit code: 1 when the three differ. */
export async function demoCommand(terminal: Terminal, options: DemoOptions): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'crmesh-demo-'));
  const stop = stopSignal();
  try {
    const port = options.port ?? (options.once ? 0 : 8787);
    const world = await DemoWorld.open({ folder, port }).catch((error: unknown) => {
      throw withPortAdvice(error);
    });
    try {
      return await demonstrate(terminal, world, { ...options, stop });
    } finally {
      await world.close();
    }
  } finally {
    stop.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

async function demonstrate(
  terminal: Terminal,
  world: DemoWorld,
  { rows, once, stop }: DemoOptions & { readonly stop: StopSignal },
): Promise<number> {
  terminal.note(`relay at ${world.relay.url}; ${citySource}`);
  const running = runDemo(terminal, world, rows);
  running.catch(() => undefined);
  const outcome = await Promise.race([running, stop.stopped]);
  if (outcome === undefined && once) throw stoppedEarly('the demo', 'run it again');
  if (outcome === undefined) return EXIT_DONE;
  terminal.result(outcome.report, () => outcomeText(outcome));
  if (!once) {
    invite(terminal, world);
    await stop.stopped;
  }
  return outcome.report.identical ? EXIT_DONE : EXIT_FAILURE;
}

function outcomeText({ report, contents }: DemoOutcome): string {
  const places = textTable(
    Object.entries(contents).map(([place, { rows, hash }]) => ({
      place,
      rows: grouped(rows),
      content: hash.slice(0, 32),
    })),
  );
  const ways = textTable([
    { way: 'A -> relay', rows: report.rows, ms: report.upMs, MB: megabytes(report.bytesUp) },
    { way: 'relay -> B', rows: report.rows, ms: report.downMs, MB: megabytes(report.bytesDown) },
  ]);
  const same = report.identical ? 'identical' : 'NOT identical';
  const summary = `contents ${same}; ${grouped(report.changes)} changes; echoed changes: ${report.echoedChanges}`;
  return `\n${ways}\n\n${places}\n\n${summary}`;
}

/** With --json a second line on stdout. */
function invite(terminal: Terminal, world: DemoWorld): void {
  const { relay, dbid, hasBoard } = world;
  const board = hasBoard ? `${relay.url}/` : null;
  if (!hasBoard) terminal.note('there is no board to open: npm run build makes it');
  terminal.result({ event: 'serving', url: relay.url, dbid, board }, () => invitation(world));
}

function invitation({ relay, dbid, hasBoard, a, b }: DemoWorld): string {
  const board = `\nOpen the board in two browsers, switch them offline, write, come back:\n  ${relay.url}/\n`;
  return [
    ...(hasBoard ? [board] : ['']),
    'All three stay up until Ctrl-C. In another terminal:',
    `  curl ${relay.url}/${dbid}`,
    `  npx crmesh query ${a.file} "UPDATE city SET name = 'Here' WHERE id = 1"`,
    `  npx crmesh query ${b.file} "SELECT * FROM city WHERE id = 1"`,
  ].join('\n');
}
