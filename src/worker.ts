/**
 * The door `crmesh/worker`: the script of the dedicated worker in which a tab's part of a database runs. Started by
 * the browser's door; a bundler makes a file of its own of it.
 */
import type { TabOptions } from './browser-tab.ts';
import { Tab } from './browser-tab.ts';

export type { TabOptions } from './browser-tab.ts';

const start = (event: MessageEvent): void => {
  const options = (event.data as { readonly open?: TabOptions }).open;
  if (options === undefined) return;
  globalThis.removeEventListener('message', start);
  new Tab(options, globalThis).start();
};
globalThis.addEventListener('message', start);
