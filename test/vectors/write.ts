/**
 * Writes the test vectors of rust-port-notes/vectors anew.
 *
 *   npm run vectors
 *
 * Assumes the process runs in the root of the project, as npm scripts do.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vectorFiles } from './vector-files.ts';

const folder = join(process.cwd(), 'rust-port-notes', 'vectors');
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(vectorFiles())) {
  writeFileSync(join(folder, name), text);
  process.stdout.write(`${name} ${text.length} characters\n`);
}
