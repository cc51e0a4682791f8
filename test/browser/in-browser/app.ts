/** What a test page has: the door, as an app would have it. */
import * as door from '../../../src/browser.ts';

declare global {
  interface Window {
    crmesh: typeof door;
  }
}

globalThis.window.crmesh = door;
