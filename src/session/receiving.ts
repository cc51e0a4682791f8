/** What each message of an open session does. Greetings, and chunks that the link should have put together, end it. */
import { ReplicationError, assertNever } from '../core/errors.ts';
import type { Coverage } from '../core/coverage.ts';
import { coverageOf } from '../core/coverage.ts';
import type { Beat, Message, PartMessage } from '../wire/message.ts';
import { takeQuestions } from './asking.ts';
import { noteGranted, noteLost, noteReceived } from './credit.ts';
import { endProtocol, endWith, endedByPeer } from './ending.ts';
import { pumpFeed } from './feed.ts';
import { answerPull, takeImageOffer } from './image-offer.ts';
import { checkStated, ownSiteForged } from './identity-alarm.ts';
import { checkBeat, takeBase, takeWindow } from './intake.ts';
import { noteAnswered, pumpRepair } from './repair.ts';
import type { Step } from './session-event.ts';
import type { SessionState } from './session-state.ts';
import { takeHeard } from './stating.ts';
import { andThen, stay } from './step-result.ts';
import { pumpServing, takeWant } from './serving.ts';
import { pumpUpload, takeAck, takeNack } from './upload.ts';
import { pullCarried, takePullAll, takeStated } from './vouching.ts';

export function takeMessage(state: SessionState, message: Message, bytes: number, now: number): Step {
  switch (message.type) {
    case 'base':
      return takeBase(state, message, now);
    case 'window':
    case 'mark':
      return takeWindow(state, message, bytes, now);
    case 'part':
      return takePart(state, message, bytes);
    case 'beat':
      return takeBeat(state, message, now);
    case 'pull':
      return takePull(state, message.cursor);
    case 'ack':
      return message.site === state.local.site ? andThen(takeAck(state, message.ack, now), pumpUpload) : stay(state);
    case 'nack':
      return message.site === state.local.site ? takeNack(state, message, now) : stay(state);
    case 'coverage':
      return takeCoverage(state, message.coverage, now);
    case 'want':
      return takeWant(state, message);
    case 'credit':
      return andThen(andThen(pumpFeed(noteGranted(state, message.grantedBytes)), pumpUpload), pumpServing);
    case 'image':
      return takeImageOffer(state, message);
    case 'ephemeral':
      return stay(state, { type: 'ephemeral', bytes: message.bytes });
    case 'error':
    case 'bye':
      return endedByPeer(state, message);
    case 'pullall':
      return takePullAll(state, message.cursor);
    case 'hello':
    case 'welcome':
      return endProtocol(state, `a second ${message.type}: one session greets once`);
    case 'chunk':
      return endProtocol(state, 'a chunk inside a message');
    default:
      return assertNever(message);
  }
}

/**
 * A bare part. A leaf speaks for its own sites only (R8); a peer may forward, but not in our name beyond what we
 * announced (the store checks that).
 */
function takePart(state: SessionState, { blob, claims }: PartMessage, bytes: number): Step {
  const { peer, terms } = state;
  const { site } = blob.body;
  const fromLeaf = terms.role === 'server' && state.mode === 'leaf';
  if (fromLeaf && site === state.local.site) return endWith(state, ownSiteForged(site));
  if (fromLeaf && site !== peer?.site && !peer?.formerSites.includes(site)) {
    const message = `a leaf speaks for its own site, not for ${site}: ask for mode peer to forward others' changes`;
    return endWith(state, new ReplicationError('FORBIDDEN', message, { site }));
  }
  const taken = noteAnswered(noteReceived({ ...state, inputsQueued: state.inputsQueued + 1 }, bytes));
  const claimed = site === state.local.site ? new Map() : coverageOf(site, claims);
  return stay(taken, { type: 'apply', parts: [blob], claims: claimed, cursor: undefined, bytes });
}

function takeBeat(state: SessionState, beat: Beat, now: number): Step {
  let step = noteLost(noteGranted(state, beat.grantedBytes), beat.sentBytes, now);
  step = andThen(step, (s) => checkBeat(s, beat, now));
  step = andThen(step, (s) => pullCarried(s, beat, now));
  step = andThen(step, (s) => takeQuestions(s, beat, now));
  step = andThen(step, pumpFeed);
  step = andThen(step, pumpUpload);
  step = andThen(step, pumpServing);
  return andThen(step, pumpRepair);
}

function takePull(state: SessionState, cursor: Parameters<typeof answerPull>[1]): Step {
  if (state.feed.state === 'off') return endProtocol(state, 'a leaf has no windows to pull: it sends its own parts');
  return answerPull(state, cursor);
}

function takeCoverage(state: SessionState, coverage: Coverage, now: number): Step {
  if (coverage.size === 0) return takeHeard(state, now);
  const stated = takeStated(state, coverage, now);
  return stay(stated.state, ...checkStated(state, coverage), ...stated.effects);
}
