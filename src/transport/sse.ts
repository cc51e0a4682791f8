/** Server-sent events as text: what a stream endpoint writes and what a client over fetch reads. */

export interface SseEvent {
  /** The event's name; absent = 'message'. */
  readonly event?: string;
  readonly id?: string;
  readonly data: string;
}

/** One event; line breaks inside `data` become several data lines, as the format wants it. */
export function sseEventText({ event, id, data }: SseEvent): string {
  const head = `${event === undefined ? '' : `event: ${oneLine(event)}\n`}${id === undefined ? '' : `id: ${oneLine(id)}\n`}`;
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `${head}${lines.join('')}\n`;
}

/** A comment: keeps proxies from closing a quiet stream; no client sees it. */
export function sseCommentText(comment: string): string {
  return `: ${oneLine(comment)}\n\n`;
}

/**
 * Reads events out of text that arrives in any pieces.
 *
 * Bounds  an event larger than `charactersMax` ends the stream: push() returns undefined and nothing more is read.
 */
export class SseParser {
  readonly #charactersMax: number;
  #rest = '';
  #started = false;
  #broken = false;
  #event: string | undefined;
  #id: string | undefined;
  #data: string[] = [];
  #size = 0;

  constructor(charactersMax: number) {
    this.#charactersMax = charactersMax;
  }

  push(text: string): SseEvent[] | undefined {
    if (this.#broken) return undefined;
    this.#rest += text;
    if (!this.#started && this.#rest.length > 0) {
      this.#started = true;
      if (this.#rest.startsWith('\uFEFF')) this.#rest = this.#rest.slice(1);
    }
    const events: SseEvent[] = [];
    for (let line = this.#takeLine(); line !== undefined; line = this.#takeLine()) {
      const event = this.#takeField(line);
      if (event !== undefined) events.push(event);
    }
    this.#broken = this.#size + this.#rest.length > this.#charactersMax;
    return this.#broken ? undefined : events;
  }

  #takeLine(): string | undefined {
    const end = this.#rest.search(/[\r\n]/);
    if (end < 0) return undefined;
    const isReturn = this.#rest[end] === '\r';
    // A return at the very end may be the first half of a line break that is still under way.
    if (isReturn && end + 1 === this.#rest.length) return undefined;
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + (isReturn && this.#rest[end + 1] === '\n' ? 2 : 1));
    return line;
  }

  #takeField(line: string): SseEvent | undefined {
    if (line === '') return this.#finish();
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    this.#size += value.length;
    if (name === 'data') this.#data.push(value);
    else if (name === 'event') this.#event = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    return undefined;
  }

  #finish(): SseEvent | undefined {
    const [event, data] = [this.#event, this.#data];
    this.#event = undefined;
    this.#data = [];
    this.#size = 0;
    if (data.length === 0) return undefined;
    return {
      data: data.join('\n'),
      ...(event === undefined ? {} : { event }),
      ...(this.#id === undefined ? {} : { id: this.#id }),
    };
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\0]/g, ' ');
}
