/** Builds the board into dist/board: plain files that any web server serves, at any path. */
import { fileURLToPath } from 'node:url';
import { defineConfig, type UserConfig } from 'vite';

const config: UserConfig = defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  logLevel: 'warn',
  build: {
    outDir: '../../dist/board',
    emptyOutDir: true,
    target: 'es2022',
    // A strict policy allows no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: false,
  },
});

export default config;
