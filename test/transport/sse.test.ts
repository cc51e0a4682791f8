/** Event streams: what is written is read back, in whatever pieces it arrives. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SseParser, sseCommentText, sseEventText } from '../../src/transport/sse.ts';

const events = [
  { id: '5', data: 'one' },
  { event: 'reset', id: '6', data: 'two\nlines' },
  { data: '', id: '6' },
];

describe('event stream', () => {
  test('any cut into pieces gives the same events', () => {
    const text = events.map(sseEventText).join(sseCommentText('beat'));
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 8 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length];
        const parser = new SseParser(1000);
        const read = at.slice(1).flatMap((end, i) => parser.push(text.slice(at[i], end)) ?? []);
        expect(read).toEqual(events);
      }),
    );
  });

  test('all three line endings and a byte order mark are understood', () => {
    const parser = new SseParser(1000);
    expect(parser.push('\uFEFFid: 1\r\ndata: a\r\n\r\ndata:b\r\rdata: c\n\n')).toEqual([
      { id: '1', data: 'a' },
      { id: '1', data: 'b' },
      { id: '1', data: 'c' },
    ]);
  });

  test('comments, unknown fields and empty events are passed over', () => {
    const parser = new SseParser(1000);
    expect(parser.push(': beat\n\nretry: 5\n\nevent: x\n\nfoo\ndata\n\n')).toEqual([{ data: '' }]);
  });

  test('a line break inside a name or an id cannot start another field', () => {
    expect(sseEventText({ event: 'a\ndata: x', id: 'b\rc', data: 'd' })).toBe('event: a data: x\nid: b c\ndata: d\n\n');
  });

  test('an event above the bound ends the reading', () => {
    const parser = new SseParser(100);
    expect(parser.push('data: ok\n\n')).toEqual([{ data: 'ok' }]);
    expect(parser.push(`data: ${'x'.repeat(200)}`)).toBeUndefined();
    expect(parser.push('\n\ndata: ok\n\n')).toBeUndefined();
  });

  test('any text is read without a throw', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (pieces) => {
        const parser = new SseParser(50);
        for (const piece of pieces) parser.push(piece);
      }),
    );
  });
});
