/** Close codes as transports may send them: WebSocket allows few numbers and 123 bytes of reason. */

export const CLOSE_NORMAL = 1000;
export const CLOSE_GOING_AWAY = 1001;
/** Never sent: what the listener hears when a connection ends without a word. */
export const CLOSE_LOST = 1006;

const REASON_BYTES_MAX = 123;

/** The code itself where WebSocket allows it to be sent, else 1000. Browsers allow 1000 and 3000 to 4999 only. */
export function sendableCloseCode(code: number, side: 'node' | 'browser'): number {
  if (code >= 3000 && code <= 4999) return code;
  const known = side === 'node' && code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
  return known ? code : CLOSE_NORMAL;
}

/** Cut at a character so that it fits into a close frame. */
export function shortReason(reason: string): string {
  const encoder = new TextEncoder();
  if (encoder.encode(reason).length <= REASON_BYTES_MAX) return reason;
  let short = '';
  let bytes = 0;
  for (const character of reason) {
    bytes += encoder.encode(character).length;
    if (bytes > REASON_BYTES_MAX) break;
    short += character;
  }
  return short;
}
