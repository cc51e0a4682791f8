/** CPU and memory of another process, from /proc (Linux). */
import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

export interface ProcessFigures {
  readonly cpuSeconds: number;
  readonly rssMB: number;
  readonly peakRssMB: number;
}

export function figuresOf(pid: number): ProcessFigures {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    rssMB: megabytes(status, 'VmRSS'),
    peakRssMB: megabytes(status, 'VmHWM'),
  };
}

function megabytes(status: string, name: string): number {
  return Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
}
