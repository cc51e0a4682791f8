"""The state of a session, and the small steps that the events of session.py are made of."""
from ranges import subtract, subtract_coverages, unite_coverages, union

EMPTY_ACK = {'held': [], 'parked': [], 'refused': []}


class Ended(Exception):
    """The session was closed: nothing more happens in this step."""


def settled(ack):
    """Ranges that need not be sent again."""
    return union(union(ack['held'], ack['parked']), ack['refused'])


def given(**fields):
    """The fields that are there."""
    return {name: value for name, value in fields.items() if value is not None}


class SessionState:
    """All that a session remembers, and the words of the page (pump, pull, done, beat ...) as methods."""

    def __init__(self, start, tables, now):
        """`tables` holds the limits, and the codes that are known."""
        self.limits, self.codes_known = tables['limits'], tables['codes']
        self.now, self.effects = now, []
        self.terms, self.local, self.session = start['terms'], dict(start['local']), start['session']
        self.phase, self.mode, self.peer = 'greeting', self.terms['mode'], None
        self.feed = {'state': 'off', 'at': 0, 'claimNumber': None, 'n': 0, 'reading': False, 'once': False}
        self.intake = {'state': 'off', 'cursor': None, 'n': 0, 'pulledAt': now, 'askedFrom': 0, 'unclaimed': {}}
        self.intake |= {'liveAfter': None, 'live': False, 'vouched': False}
        self.upload = {'sends': False, 'announced': self.local['announced'], 'settled': [], 'held': []}
        self.upload |= {'inFlight': [], 'reading': False, 'progressAt': now}
        self.carries_to = None
        self.credit = {'sentBytes': 0, 'maySendBytes': 0, 'receivedBytes': 0, 'doneBytes': 0}
        self.credit |= {'grantedBytes': self.limits['creditBytes'], 'blocked': False}
        self.repair = {'stated': {}, 'asked': {}, 'waitingSince': None}
        self.stating = {'open': {}, 'next': {}, 'sentAt': 0}
        self.serving = {'wanted': None, 'reading': False}
        self.asks = {'next': 1, 'open': [], 'toAnswer': []}
        self.image_offer = 'none'
        self.inputs_queued = self.inputs_done = 0
        self.started_at = self.sent_at = self.heard_at = now

    @property
    def is_client(self):
        return self.terms['role'] == 'client'

    @property
    def has_leaf(self):
        """A server with a leaf."""
        return not self.is_client and self.mode == 'leaf'

    def effect(self, kind, /, **fields):
        self.effects.append({'type': kind, **given(**fields)})

    def send(self, kind, /, **fields):
        self.sent_at = self.now
        self.effect('send', message={'type': kind, **given(**fields)})

    def end(self, code, details=None, retry=None):
        if code in ('CLOSED', 'UNAVAILABLE'):
            self.send('bye', code=code, retryAfterMs=retry)
        else:
            self.send('error', code=code, details=details or {})
        self.end_silently(code, retry)

    def end_silently(self, code, retry=None):
        self.effect('ended', error={'code': code}, retryAfterMs=retry)
        self.phase = 'closed'
        raise Ended

    def protocol_fault(self):
        self.end('SESSION_PROTOCOL')

    def may_send(self):
        return not self.credit['blocked'] and self.credit['sentBytes'] < self.credit['maySendBytes']

    def unsent(self):
        announced = [[0, self.upload['announced']]] if self.upload['announced'] else []
        return subtract(subtract(announced, self.upload['settled']), self.upload['inFlight'])

    def pump(self):
        self.pump_feed()
        self.pump_upload()
        self.pump_serving()

    def pump_feed(self):
        feed = self.feed
        if feed['state'] == 'refill' and not feed['reading'] and self.may_send():
            feed['reading'] = True
            read = {'from': feed['at'], 'without': self.peer['site'], 'claimNumber': feed['claimNumber']}
            self.effect('read-piece', **read)

    def pump_upload(self):
        upload = self.upload
        if upload['sends'] and not upload['reading'] and self.may_send() and self.unsent():
            upload['reading'] = True
            self.effect('read-own', ranges=self.unsent())

    def pump_serving(self):
        wanted = self.serving['wanted']
        if wanted and not self.serving['reading'] and self.may_send():
            self.serving = {'wanted': None, 'reading': True}
            self.effect('serve-want', site=wanted['site'], ranges=wanted['ranges'])

    def pump_repair(self):
        merged = self.inputs_done == self.inputs_queued
        stated = subtract_coverages(self.repair['stated'], self.repair['asked'])
        if self.intake['live'] and merged and self.repair['waitingSince'] is None and stated:
            self.effect('find-gaps', stated=stated)

    def pull(self):
        self.intake |= {'state': 'pulling', 'pulledAt': self.now, 'live': False, 'liveAfter': None}
        self.send('pullall' if self.intake['vouched'] else 'pull', cursor=self.intake['cursor'])

    def done(self, count):
        self.credit['doneBytes'] += count
        self.regrant()

    def regrant(self):
        granted = self.credit['doneBytes'] + self.limits['creditBytes']
        if granted - self.credit['grantedBytes'] >= self.limits['creditBytes'] / 2:
            self.credit['grantedBytes'] = granted
            self.send('credit', grantedBytes=granted)

    def noted_credit(self, granted):
        self.credit['maySendBytes'] = max(self.credit['maySendBytes'], granted)

    def settle_live(self):
        intake = self.intake
        if intake['liveAfter'] is not None and self.inputs_done >= intake['liveAfter']:
            intake |= {'liveAfter': None, 'live': True}
            self.effect('live')

    def beat(self, ask=None, answer=None):
        feed = self.feed
        has_refilled = feed['once'] and feed['state'] == 'off'
        at = self.carries_to
        if feed['state'] in ('refill', 'live'):
            at = feed['at']
        elif has_refilled:
            at = max(feed['at'], at or 0)
        numbers = {name: self.credit[name] for name in ('sentBytes', 'grantedBytes')}
        live = feed['state'] == 'live' or (has_refilled and at == feed['at'])
        self.send('beat', era=self.local['era'], at=at, n=feed['n'], live=live, **numbers, ask=ask, answer=answer)

    def answer_questions(self):
        if self.feed['state'] == 'live':
            waiting, self.asks['toAnswer'] = self.asks['toAnswer'], []
            for answer in waiting:
                self.beat(answer=answer)

    def settle_asks(self):
        for one in [*self.asks['open']]:
            if one['afterInput'] is not None and one['afterInput'] <= self.inputs_done:
                self.asks['open'].remove(one)
                self.effect('answered', ask=one['ask'])

    def window(self, to, parts, claims):
        """A window, a mark, or nothing where nothing moved."""
        feed = self.feed
        position = {'era': self.local['era'], 'from': feed['at'], 'to': to, 'n': feed['n']}
        if not parts and not claims:
            if to == feed['at']:
                return
            self.send('mark', **position)
        else:
            self.send('window', **position, parts=parts, claims=claims)
        feed |= {'at': to, 'n': feed['n'] + 1}

    def take_acks(self, ack):
        upload = self.upload
        upload['settled'] = union(upload['settled'], settled(ack))
        upload['held'] = union(upload['held'], ack['held'])
        upload['inFlight'] = subtract(upload['inFlight'], upload['settled'])
        upload['progressAt'] = self.now
        self.effect('record-ack', ack=ack, replace=False)

    def send_parts(self, parts):
        if not self.upload['inFlight']:
            self.upload['progressAt'] = self.now
        for part in parts:
            self.upload['inFlight'] = union(self.upload['inFlight'], part['claims'])
            self.send('part', **part)

    def state(self, coverage):
        if not coverage:
            return
        if self.stating['open']:
            self.stating['next'] = unite_coverages(self.stating['next'], coverage)
            return
        self.stating = {'open': coverage, 'next': {}, 'sentAt': self.now}
        self.send('coverage', coverage=coverage)

    def heard(self):
        self.stating['open'] = {}
        self.state(self.stating['next'])

    def repeat_statement(self):
        stating = self.stating
        if stating['open'] and self.now - stating['sentAt'] >= self.limits['beatMs']:
            stating['sentAt'] = self.now
            self.send('coverage', coverage=stating['open'])

    def note_stated(self, coverage):
        self.repair['stated'] = unite_coverages(self.repair['stated'], coverage)

    def find_base(self, cursor, **feed):
        self.feed |= {'state': 'idle', **feed}
        self.effect('find-base', cursor=cursor)
