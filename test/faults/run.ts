/**
 * The runner of the fault suites.
 *
 *   npm run test:faults -- --suite NAME --count N --from SEED   N cases from a seed (a random one if none is given)
 *   npm run test:faults -- --suite NAME --seconds S             as many cases as fit
 *   npm run test:faults -- --list                               the suites, with the cases of a full run
 *
 * --json prints one JSON object. Exits 1 when any case failed, 2 on bad usage. A suite runs in a thread of its own:
 * a case that does not end within --case-seconds is a failure with its seed.
 */
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { SuiteReport } from './suite.ts';
import { runSuite } from './suite.ts';
import { suiteOfName, SUITES } from './suites.ts';

interface Task {
  readonly suite: string;
  readonly from: number;
  readonly count: number;
  readonly seconds: number;
}

/** A case that needs more ends its thread, which is a failure. */
const HEAP_MIB_MAX = 700;

/** What the thread tells: the case that begins, or the end. */
type News = { readonly seed: number } | { readonly report: SuiteReport };

if (isMainThread) process.exitCode = await main();
else await work(workerData as Task);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      suite: { type: 'string' },
      count: { type: 'string', default: '10' },
      from: { type: 'string' },
      seconds: { type: 'string', default: 'Infinity' },
      'case-seconds': { type: 'string', default: '120' },
      list: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.list) return list();
  const suite = suiteOfName(values.suite ?? '');
  const numbers = [values.count, values.from ?? '1', values['case-seconds']].map(Number);
  if (suite === undefined || numbers.some((number) => !Number.isSafeInteger(number) || number < 0)) {
    process.stderr.write(`give --suite NAME (${SUITES.map(({ name }) => name).join(', ')}) and whole numbers\n`);
    return 2;
  }
  const from = values.from === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.from);
  const task: Task = { suite: suite.name, from, count: Number(values.count), seconds: Number(values.seconds) };
  const report = await runWatched(task, Number(values['case-seconds']));
  if (values.json)
    process.stdout.write(`${JSON.stringify({ ...report, from, rssBytes: process.memoryUsage().rss })}\n`);
  else show(report, from);
  return report.failures.length === 0 ? 0 : 1;
}

function list(): number {
  for (const { name, full, about } of SUITES) {
    process.stdout.write(`${name.padEnd(16)} ${String(full).padStart(9)}  ${about}\n`);
  }
  return 0;
}

function show({ suite, cases, counts, failures, seconds }: SuiteReport, from: number): void {
  const done = Object.entries(counts).map(([name, value]) => `${value} ${name}`);
  const rss = Math.round(process.memoryUsage().rss / 2 ** 20);
  process.stdout.write(
    `${suite}: ${cases} cases from seed ${from}, ${failures.length} failed, ${seconds} s, ${rss} MiB\n`,
  );
  process.stdout.write(`  ${done.join(', ')}\n`);
  for (const { seed, detail } of failures) {
    process.stdout.write(
      `\nseed ${seed}: ${detail}\n  again: npm run test:faults -- --suite ${suite} --from ${seed} --count 1\n`,
    );
  }
}

async function work({ suite, from, count, seconds }: Task): Promise<void> {
  const tell = (news: News): void => parentPort?.postMessage(news);
  const report = await runSuite(suiteOfName(suite)!, { from, count, seconds, onCase: (seed) => tell({ seed }) });
  tell({ report });
}

/** Runs the task in a thread; when a case hangs or the thread dies, its seed is the failure. */
function runWatched(task: Task, caseSeconds: number): Promise<SuiteReport> {
  const startedAt = performance.now();
  const worker = new Worker(new URL(import.meta.url), {
    workerData: task,
    execArgv: process.execArgv,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
  });
  let seed = task.from;
  let timer: NodeJS.Timeout | undefined;
  return new Promise((resolve) => {
    const fail = (detail: string): void => {
      const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
      resolve({ suite: task.suite, cases: seed - task.from, counts: {}, failures: [{ seed, detail }], seconds });
      void worker.terminate();
    };
    const watch = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => fail(`did not end within ${caseSeconds} s`), caseSeconds * 1000);
    };
    watch();
    worker.on('message', (news: News) => {
      // What a failed case left waiting must not keep the thread.
      if ('report' in news) {
        resolve(news.report);
        return void worker.terminate();
      }
      seed = news.seed;
      watch();
    });
    worker.on('error', (error) => fail(`the thread ended: ${error.stack ?? error.message}`));
    worker.on('exit', () => fail('the thread ended without a report'));
  }).finally(() => clearTimeout(timer)) as Promise<SuiteReport>;
}
