/** UTF-8 checks and counts that TextDecoder and TextEncoder cannot do without allocating. */

/**
 * Whether bytes[start, end) are well-formed UTF-8 (no overlong forms, surrogates or values above U+10FFFF).
 *
 * Cost    O(n), one pass, nothing allocated.
 */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let i = start;
  while (i < end) {
    const lead = bytes[i]!;
    if (lead < 0x80) {
      i += 1;
      continue;
    }
    const length = sequenceLength(lead);
    if (length === 0 || i + length > end || !secondByteFits(lead, bytes[i + 1]!)) return false;
    for (let k = i + 2; k < i + length; k++) if ((bytes[k]! & 0xc0) !== 0x80) return false;
    i += length;
  }
  return true;
}

function sequenceLength(lead: number): number {
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

function secondByteFits(lead: number, second: number): boolean {
  if (lead === 0xe0) return second >= 0xa0 && second <= 0xbf;
  if (lead === 0xed) return second >= 0x80 && second <= 0x9f;
  if (lead === 0xf0) return second >= 0x90 && second <= 0xbf;
  if (lead === 0xf4) return second >= 0x80 && second <= 0x8f;
  return (second & 0xc0) === 0x80;
}

/** Bytes of a string as UTF-8. A lone surrogate counts three. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // Each half of a surrogate pair has two bytes of its four.
    bytes += unit < 0x800 || isPaired(text, i, unit) ? 1 : 2;
  }
  return bytes;
}

function isPaired(text: string, at: number, unit: number): boolean {
  if (unit >= 0xd800 && unit <= 0xdbff) return isTrail(text.charCodeAt(at + 1));
  return isTrail(unit) && at > 0 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
}

function isTrail(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** Whether a string has no lone surrogates, so that UTF-8 keeps it. */
export function isWellFormedText(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = unit <= 0xdbff ? text.charCodeAt(i + 1) : 0;
    if (!(next >= 0xdc00 && next <= 0xdfff)) return false;
    i += 1;
  }
  return true;
}
