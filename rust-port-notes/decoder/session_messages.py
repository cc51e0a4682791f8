"""What each message of an open session does: the table 'Open: messages' of session-machine.md."""
from ranges import end_of, without

ANSWERS_MAX = 100


def base(session, message, _bytes):
    intake = session.intake
    if intake['state'] == 'off':
        session.protocol_fault()
    if intake['state'] != 'pulling':
        return
    cursor = {'nonce': message['era'], 'at': message['at']}
    intake |= {'state': 'taking', 'cursor': cursor, 'n': 0, 'live': False, 'liveAfter': None}
    if message['at'] < intake['askedFrom']:
        session.effect('alarm', code='PEER_LOST_HISTORY')
    session.effect('store-base', peer=session.peer['site'], cursor=cursor)
    if message['at'] < intake['askedFrom']:
        unclaimed, intake['unclaimed'] = intake['unclaimed'], {}
        session.state(unclaimed)


def window(session, message, count):
    intake, cursor = session.intake, session.intake['cursor']
    if intake['state'] == 'off':
        session.protocol_fault()
    is_window = message['type'] == 'window'
    count = count if is_window else 0
    session.credit['receivedBytes'] += count
    if intake['state'] == 'pulling' or cursor is None:
        return session.done(count)
    in_order = message['era'] == cursor['nonce'] and message['from'] <= cursor['at'] and message['n'] == intake['n']
    if not in_order:
        session.pull()
        return session.done(count)
    moved = {'nonce': cursor['nonce'], 'at': max(cursor['at'], message['to'])}
    intake |= {'cursor': moved, 'n': intake['n'] + 1}
    session.inputs_queued += 1
    claims = without(message['claims'], session.local['site']) if is_window and not intake['vouched'] else {}
    parts = message['parts'] if is_window else []
    return session.effect(
        'apply', parts=parts, claims=claims, vouched=intake['vouched'], cursor=moved, bytes=count
    )


def part(session, message, count):
    site = message['blob']['site']
    if session.has_leaf:
        if site == session.local['site']:
            session.end('SITE_CONFLICT', {'site': site})
        if site not in (session.peer['site'], *session.peer['formerSites']):
            session.end('FORBIDDEN', {'site': site})
    session.inputs_queued += 1
    session.credit['receivedBytes'] += count
    session.repair['waitingSince'] = None
    is_own = site == session.local['site'] or not message['claims']
    session.effect('apply', parts=[message['blob']], claims={} if is_own else {site: message['claims']}, bytes=count)


def beat(session, message, _bytes):
    session.noted_credit(message['grantedBytes'])
    lost = message['sentBytes'] - session.credit['receivedBytes']
    if lost > 0:
        session.credit['receivedBytes'] = message['sentBytes']
        session.done(lost)
    check_beat(session, message)
    carried(session, message)
    questions(session, message)
    session.pump()
    session.pump_repair()


def check_beat(session, message):
    intake, at = session.intake, message.get('at')
    if intake['state'] != 'taking' or intake['cursor'] is None or at is None:
        return
    cursor = intake['cursor']
    if message['era'] != cursor['nonce'] or message['n'] != intake['n'] or at > cursor['at']:
        session.pull()
    elif intake['vouched']:
        if message['live']:
            intake |= {'state': 'off', 'vouched': False}
    elif message['live'] and not intake['live']:
        intake['liveAfter'] = session.inputs_queued
        session.settle_live()


def carried(session, message):
    at, cursor = message.get('at'), session.intake['cursor']
    if not session.has_leaf or not session.terms['vouch'] or session.intake['state'] != 'off' or at is None:
        return
    held = cursor['at'] if cursor is not None and cursor['nonce'] == message['era'] else 0
    if at > held:
        session.intake['vouched'] = True
        session.pull()


def questions(session, message):
    asks, number, answer = session.asks, message.get('ask'), message.get('answer')
    if number is not None and number not in asks['toAnswer'] and len(asks['toAnswer']) < ANSWERS_MAX:
        asks['toAnswer'].append(number)
    for one in asks['open']:
        if one['ask'] == answer:
            one['afterInput'] = session.inputs_queued
    session.answer_questions()
    session.settle_asks()


def pull(session, message, _bytes):
    if session.feed['state'] == 'off':
        session.protocol_fault()
    cursor, terms = message.get('cursor'), session.terms
    may_offer = session.image_offer == 'none' and not session.is_client and terms['image'] and terms['read'] == 'all'
    suits = session.peer['image'] and session.peer['schemaHash'] == session.local['schemaHash']
    if cursor is None and may_offer and suits:
        session.image_offer = 'asked'
        session.effect('find-image')
    else:
        session.image_offer = 'done'
        session.find_base(cursor)


def pullall(session, message, _bytes):
    if not session.is_client or session.mode != 'leaf':
        session.protocol_fault()
    session.find_base(message.get('cursor'), once=True)


def ack(session, message, _bytes):
    if message['site'] == session.local['site']:
        session.take_acks(message['ack'])
        session.pump_upload()


def nack(session, message, _bytes):
    if message['site'] != session.local['site']:
        return
    session.take_acks({'held': [], 'parked': [], 'refused': message['ranges']})
    if message['kind'] == 'reject':
        refusal = {name: message[name] for name in ('ranges', 'kind', 'code', 'message')}
        session.effect('rejected', site=message['site'], refusal=refusal)


def coverage(session, message, _bytes):
    stated = message['coverage']
    if not stated:
        session.heard()
        return
    if session.local['site'] in stated:
        session.effect('check-own', held=end_of(stated[session.local['site']]))
    if session.has_leaf:
        if session.intake['state'] == 'off':
            session.effect('find-gaps', stated=without(stated, session.peer['site']))
            session.send('coverage', coverage={})
        return
    session.note_stated(stated)
    if len(session.repair['stated']) > session.limits['sitesMax']:
        session.end('LIMIT_EXCEEDED')
    session.pump_repair()
    session.send('coverage', coverage={})


def want(session, message, _bytes):
    if session.is_client and session.mode == 'leaf' and message['site'] != session.local['site']:
        session.protocol_fault()
    session.serving['wanted'] = message
    session.pump_serving()


def credit(session, message, _bytes):
    session.noted_credit(message['grantedBytes'])
    session.pump()


def image(session, message, _bytes):
    intake = session.intake
    if not session.is_client or not session.terms['image'] or intake['state'] != 'pulling' or intake['cursor']:
        session.protocol_fault()
    session.effect('image-offered', offer={name: message[name] for name in ('era', 'at', 'bytes', 'hash')})


def ephemeral(session, message, _bytes):
    session.effect('ephemeral', bytes=message['bytes'])


def ended_by_peer(session, message, _bytes):
    code = message['code'] if message['code'] in session.codes_known else 'LINK_LOST'
    session.end_silently(code, message.get('retryAfterMs'))


def second(session, _message, _bytes):
    session.protocol_fault()


MESSAGES = {
    'base': base, 'window': window, 'mark': window, 'part': part, 'beat': beat, 'pull': pull, 'pullall': pullall,
    'ack': ack, 'nack': nack, 'coverage': coverage, 'want': want, 'credit': credit, 'image': image,
    'ephemeral': ephemeral, 'error': ended_by_peer, 'bye': ended_by_peer, 'hello': second, 'welcome': second,
    'chunk': second,
}
