"""From the first frame to an open session: the section 'Greeting' of session-machine.md."""
from ranges import end_of
from session_messages import MESSAGES
from session_state import EMPTY_ACK, SessionState, settled

CAPABILITIES = ['window', 'part', 'want', 'chunk', 'ephemeral', 'pullall']
GREETING_FACTS = ('dbid', 'site', 'formerSites', 'era', 'schemaHash', 'shape', 'mesh')


class GreetingSession(SessionState):
    """What a session does until both sides are known."""

    def greeting(self):
        extra = ['vouch'] if self.has_leaf and self.terms['vouch'] else []
        extra += ['image'] if self.is_client and self.terms['image'] else []
        facts = {name: self.local[name] for name in GREETING_FACTS}
        facts |= {'wire': 1, 'session': self.session, 'digest': self.local['digest'], 'mode': self.mode}
        return {**facts, 'capabilities': CAPABILITIES + extra, 'credit': self.credit['grantedBytes']}

    def start(self, _event):
        if self.is_client:
            text = self.local['schemaText'] or None
            self.send('hello', **self.greeting(), schemaText=text, siteKey=self.terms.get('siteKey'))

    def greet(self, event):
        message = event['message']
        kind = message['type']
        if kind == ('welcome' if self.is_client else 'hello'):
            self.take_greeting(message)
        elif kind == 'error' and self.is_client and message['code'] == 'SITE_CONFLICT' and (
            message['details'].get('site') == self.local['site']
        ):
            self.effect('identity-lost', alarm='SITE_CONFLICT', error={'code': 'SITE_CONFLICT'})
        elif kind in ('error', 'bye'):
            MESSAGES[kind](self, message, event['bytes'])
        else:
            self.protocol_fault()

    def take_greeting(self, message):
        self.refuse_greeting(message)
        if not self.is_client:
            self.refuse_mode(message['mode'])
            self.session, self.mode = message['session'], message['mode']
        elif message['session'] != self.session or message['mode'] != self.terms['mode']:
            self.protocol_fault()
        ack = message.get('acks', {}).get(self.local['site'], EMPTY_ACK)
        vouch = self.is_client and 'vouch' in message['capabilities']
        image = not self.is_client and 'image' in message['capabilities']
        self.peer = {**message, 'ack': ack, 'vouch': vouch, 'image': image}
        self.noted_credit(message['credit'])
        sites = [message['site'], *message['formerSites']]
        self.effect('look-up-peer', site=message['site'], sites=sites, digest=message['digest'])

    def refuse_greeting(self, message):
        if message['wire'] != 1:
            self.end('WIRE_VERSION', {'wire': 1})
        if message['dbid'] != self.local['dbid']:
            self.end('BAD_REQUEST')
        if message['site'] == self.local['site']:
            if message['era'] == self.local['era']:
                self.end('BAD_REQUEST')
            self.end('SITE_CONFLICT', {'site': self.local['site']})

    def refuse_mode(self, mode):
        if self.terms['read'] == 'none':
            self.end('FORBIDDEN')
        if mode == 'peer' and (self.terms['write'] != 'all' or self.terms['mode'] == 'leaf'):
            self.end('FORBIDDEN', {'mode': 'leaf'})

    def open(self, event):
        if self.peer is None:
            return
        is_peer, ack = self.mode == 'peer', self.peer['ack'] if self.is_client else event['heldByPeer']
        if self.is_client and end_of(settled(ack)) > event['shown']:
            self.effect('identity-lost', alarm='SITE_CONFLICT', error={'code': 'SITE_CONFLICT'})
            return
        self.phase, cursor = 'open', event.get('cursor')
        is_leaf = self.is_client and not is_peer
        self.upload |= {'sends': is_leaf, 'settled': settled(ack), 'held': ack['held'], 'progressAt': self.now}
        self.feed['state'] = 'off' if is_leaf else 'idle'
        self.intake |= {'state': 'pulling' if self.is_client or is_peer else 'off', 'cursor': cursor}
        self.intake |= {'pulledAt': self.now, 'askedFrom': cursor['at'] if cursor else 0}
        self.intake['unclaimed'] = event['unclaimed']
        if self.is_client:
            self.effect('record-ack', ack=ack, replace=True)
        else:
            welcome = {**self.greeting(), 'digest': event['digest'], 'acks': event['acks']}
            self.send('welcome', **welcome, cursor=cursor if is_peer else None)
        self.effect('opened')
        if self.is_client or is_peer:
            self.state(event['differing'])
        if self.is_client:
            self.pull()
            if is_peer:
                self.find_base(self.peer.get('cursor'))
        for one in self.asks['open']:
            self.beat(ask=one['ask'])
        self.pump_upload()
