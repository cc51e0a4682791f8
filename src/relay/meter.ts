/** Counters of a relay: a small port, filled here with the text form that Prometheus reads. */

export type Labels = Readonly<Record<string, string>>;

export interface Meter {
  count(name: string, labels?: Labels, by?: number): void;
  /** `read` is asked when the metrics are. */
  gauge(name: string, read: () => number): void;
  render(): Promise<{ readonly type: string; readonly text: string }>;
}

/** Series one meter keeps: labels come from fixed lists, so this is never met by honest code. */
const SERIES_MAX = 1000;

export function textMeter(): Meter {
  const counters = new Map<string, number>();
  const gauges = new Map<string, () => number>();
  return {
    count(name, labels = {}, by = 1) {
      const series = `${name}${labelText(labels)}`;
      if (!counters.has(series) && counters.size >= SERIES_MAX) return;
      counters.set(series, (counters.get(series) ?? 0) + by);
    },
    gauge(name, read) {
      gauges.set(name, read);
    },
    render: () =>
      Promise.resolve({ type: 'text/plain; version=0.0.4; charset=utf-8', text: seriesText(counters, gauges) }),
  };
}

function seriesText(counters: ReadonlyMap<string, number>, gauges: ReadonlyMap<string, () => number>): string {
  const names = [...new Set([...counters.keys()].map((series) => series.split('{')[0]!))].sort();
  const lines = names.flatMap((name) => [
    `# TYPE ${name} counter`,
    ...[...counters].filter(([series]) => series.split('{')[0] === name).map(([series, value]) => `${series} ${value}`),
  ]);
  for (const [name, read] of gauges) lines.push(`# TYPE ${name} gauge`, `${name} ${read()}`);
  return `${lines.join('\n')}\n`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replaceAll(/["\\\n]/g, '_')}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
