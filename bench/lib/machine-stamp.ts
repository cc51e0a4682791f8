/** Which machine, versions, load and day a figure belongs to: without them it says nothing. */
import { cpus, loadavg } from 'node:os';

export function machineStamp(repeats: number): string {
  const [load = 0] = loadavg();
  const date = new Date().toISOString().slice(0, 10);
  const runs = repeats === 1 ? 'one run' : `medians of ${repeats} runs`;
  return `${runs}; ${cpus().length} cores at load ${load.toFixed(1)}, Node ${process.versions.node}, ${date}`;
}
