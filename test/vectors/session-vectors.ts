/** Sessions as scripts: events in, effects out, one step a line of the conversation. */
import type { Limits } from '../../src/core/limits.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { newSession } from '../../src/session/new-session.ts';
import type { SessionEvent } from '../../src/session/session-event.ts';
import type { SessionState } from '../../src/session/session-state.ts';
import { step } from '../../src/session/step.ts';
import { freshSession } from '../session/fixtures.ts';
import { sessionFromJson, sessionToJson } from './session-json.ts';
import type { SessionScript } from './session-scripts.ts';
import { sessionScripts } from './session-scripts.ts';

interface ToldStep {
  readonly now: number;
  readonly event: unknown;
  readonly effects: unknown;
  /** The phase behind it. */
  readonly phase: string;
}

/** How sessions begin: terms, local facts and session id, and the steps until they are open. */
export interface Opening {
  readonly name: string;
  readonly start: unknown;
  readonly steps: readonly ToldStep[];
}

export interface SessionVector {
  readonly name: string;
  readonly opening: string;
  /** The steps behind the opening. */
  readonly steps: readonly ToldStep[];
}

export interface SessionVectors {
  /** Name and value of each limit that a session looks at. */
  readonly limits: readonly (readonly [string, number])[];
  readonly openings: readonly Opening[];
  readonly scripts: readonly SessionVector[];
}

const LIMIT_NAMES = [
  'creditBytes',
  'beatMs',
  'silenceMs',
  'handshakeMs',
  'sitesMax',
] as const satisfies (keyof Limits)[];

export function sessionVectors(): SessionVectors {
  const openings = new Map<string, Opening>();
  const scripts = sessionScripts.map(({ name, options, steps }): SessionVector => {
    const fresh = freshSession(options);
    const all = told(fresh, steps);
    const { terms, local, session } = fresh;
    const start = sessionToJson({ terms, local, session });
    const first = all.slice(0, 1 + all.findIndex(({ phase }) => phase === 'open'));
    const key = JSON.stringify([start, first]);
    const opening = openings.get(key) ?? { name: `opening ${openings.size + 1}`, start, steps: first };
    openings.set(key, opening);
    return { name, opening: opening.name, steps: all.slice(first.length) };
  });
  return { limits: LIMIT_NAMES.map((name) => [name, DEFAULT_LIMITS[name]]), openings: [...openings.values()], scripts };
}

/** All steps of a script, run again from nothing but its JSON. */
export function replayed({ start, steps }: Opening, script: SessionVector): readonly ToldStep[] {
  const { terms, local, session } = sessionFromJson(start) as Pick<SessionState, 'terms' | 'local' | 'session'>;
  const fresh = newSession({ terms, local, session, limits: DEFAULT_LIMITS }, 0);
  return told(
    fresh,
    [...steps, ...script.steps].map(({ now, event }) => ({ now, event: sessionFromJson(event) as SessionEvent })),
  );
}

function told(fresh: SessionState, steps: SessionScript['steps']): ToldStep[] {
  let state = fresh;
  return steps.map(({ now, event }) => {
    const next = step(state, event, now);
    state = next.state;
    return { now, event: sessionToJson(event), effects: sessionToJson(next.effects), phase: state.phase };
  });
}
