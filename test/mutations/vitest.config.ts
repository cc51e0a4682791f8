/** The tests of the project over sources with the fault that CRMESH_FAULT names. */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { defineConfig, mergeConfig, type Plugin, type ViteUserConfig } from 'vitest/config';
import base from '../vitest.config.ts';
import { patchedSource, patchesOf } from './fault.ts';
import { faultOfName } from './faults.ts';

const fault = faultOfName(process.env['CRMESH_FAULT']);
if (fault === undefined) throw new Error('CRMESH_FAULT names no fault: npm run test:mutations -- --list');

const patches = patchesOf(fault);
const patching: Plugin = {
  name: 'patching',
  enforce: 'pre',
  load(id) {
    const file = relative(process.cwd(), id).replaceAll('\\', '/');
    if (!patches.some((patch) => patch.file === file)) return undefined;
    return patchedSource(file, readFileSync(id, 'utf8'), patches);
  },
};

const config: ViteUserConfig = mergeConfig(base, defineConfig({ plugins: [patching] }));

export default config;
