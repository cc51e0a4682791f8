/** Messages in words, for the trace of one schedule. */
import type { Change } from '../../src/core/change.ts';
import type { Coverage } from '../../src/core/coverage.ts';
import type { Part } from '../../src/core/part.ts';
import type { RangeSet } from '../../src/core/range-set.ts';
import { Real } from '../../src/core/sql-value.ts';
import type { SqlValue } from '../../src/core/sql-value.ts';
import type { Message } from '../../src/wire/message.ts';
import type { PartBlob } from '../../src/wire/part-blob.ts';

export function describeMessage(message: Message): string {
  switch (message.type) {
    case 'window':
      return `window ${position(message)} [${message.parts.map(partText).join('; ')}] claims ${coverageText(message.claims)}`;
    case 'mark':
      return `mark ${position(message)}`;
    case 'part':
      return `part ${partText(message.blob)} claims ${rangesText(message.claims)}`;
    case 'ack':
      return `ack ${message.site.slice(0, 4)} ${JSON.stringify(message.ack)}`;
    case 'base':
      return `base ${message.era.slice(0, 4)} ${message.at}`;
    case 'pull':
      return `pull ${message.cursor === undefined ? 'from the start' : `${message.cursor.nonce.slice(0, 4)} ${message.cursor.at}`}`;
    case 'beat':
      return `beat ${message.era.slice(0, 4)} at ${message.at} n ${message.n}${message.live ? ' live' : ''} sent ${message.sentBytes} granted ${message.grantedBytes}`;
    case 'coverage':
      return `coverage ${coverageText(message.coverage)}`;
    case 'want':
      return `want ${message.site.slice(0, 4)} ${rangesText(message.ranges)}`;
    case 'welcome':
      return `welcome ${message.site.slice(0, 4)} ${message.mode} acks ${JSON.stringify([...message.acks])}`;
    case 'hello':
      return `hello ${message.site.slice(0, 4)} ${message.mode}`;
    case 'error':
    case 'nack':
      return `${message.type} ${message.code} ${message.message}`;
    case 'chunk':
      return `chunk ${message.transfer} ${message.i}/${message.n}`;
    default:
      return message.type;
  }
}

export function describePart({ site, span, rows, claims }: Part): string {
  return `${site.slice(0, 4)} span ${span.join('-')} rows ${rows.map(changeText).join(' ')} claims ${rangesText(claims)}`;
}

function position(message: {
  readonly era: string;
  readonly from: number;
  readonly to: number;
  readonly n: number;
}): string {
  return `${message.era.slice(0, 4)} (${message.from}, ${message.to}] n ${message.n}`;
}

function partText({ body }: PartBlob): string {
  return `${body.site.slice(0, 4)} span ${body.span.join('-')} rows ${[...body.rows].map(changeText).join(' ')}`;
}

export function changeText({ table, pk, cid, val, colVersion, cl, version }: Change): string {
  const at = version === undefined ? '' : `@${version}`;
  return `${table}/${[...pk].join('.')}.${cid}=${valueText(val)}(v${colVersion} cl${cl})${at}`;
}

/** A value with its type. */
export function valueText(value: SqlValue): string {
  if (value === null) return 'NULL';
  if (value instanceof Real) return `real:${Object.is(value.value, -0) ? '-0' : value.value}`;
  if (value instanceof Uint8Array) return `blob:${[...value].join('.')}`;
  return typeof value === 'string' ? `'${value}'` : `${typeof value}:${value}`;
}

export function coverageText(coverage: Coverage): string {
  const texts = [...coverage]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([site, ranges]) => `${site.slice(0, 4)} ${rangesText(ranges)}`);
  return `{${texts.join(', ')}}`;
}

function rangesText(ranges: RangeSet): string {
  return ranges.map(([lo, hi]) => `${lo}-${hi}`).join(',');
}
