"""The session of session-machine.md: events in, effects out, as they stand in vectors/sessions.json."""
from ranges import unite_coverages, without
from session_greeting import GreetingSession
from session_messages import MESSAGES
from session_state import EMPTY_ACK, Ended


class Session(GreetingSession):
    """One end of a link: step() takes its events."""

    def step(self, event, now):
        """One event; the effects, and the phase behind it."""
        self.now, self.effects = now, []
        events = {'greeting': IN_GREETING, 'open': IN_OPEN, 'closed': {}}[self.phase]
        try:
            handler = events.get(event['type'])
            if handler is not None:
                handler(self, event)
        except Ended:
            pass
        return self.effects, self.phase

    def message(self, event):
        self.heard_at = self.now
        MESSAGES[event['message']['type']](self, event['message'], event['bytes'])

    def announced_only(self, event):
        if 'own' in event:
            self.upload['announced'] = self.local['announced'] = event['own']['announced']

    def committed(self, event):
        self.feed_commit(event)
        self.carry_commit(event)
        own = event.get('own')
        if own is None:
            return
        self.upload['announced'] = own['announced']
        part = own.get('part')
        direct = self.upload['sends'] and not self.upload['reading'] and self.may_send() and part is not None
        if direct and part['claims'] == self.unsent():
            self.send_parts([part])
        else:
            self.pump_upload()

    def feed_commit(self, event):
        feed, parts = self.feed, event.get('parts')
        if feed['state'] != 'live':
            return self.pump_feed()
        in_step = feed['at'] == event['before'] and feed['claimNumber'] == event['claimsBefore']
        if not in_step or parts is None or not self.may_send():
            feed['state'] = 'refill'
            return self.pump_feed()
        site = self.peer['site']
        others = [part['blob'] for part in parts if not part['fromPeer'] and part['blob']['site'] != site]
        self.window(event['after'], others, without(event['growth'], site))
        feed['claimNumber'] = event['claimsAfter']

    def carry_commit(self, event):
        own, parts = self.local['site'], event.get('parts')
        news = parts is None or any(not part['fromPeer'] and part['blob']['site'] != own for part in parts)
        if self.carries_to is not None and news:
            self.carries_to = event['after']
            self.beat()

    def applied(self, event):
        if 'failure' in event:
            self.end(event['failure']['code'], event['failure']['details'])
        self.inputs_done += 1
        self.send_acks(event)
        for refusal in event['refusals']:
            self.send('nack', **refusal)
        self.done(event['bytes'])
        self.settle_live()
        self.settle_asks()
        self.pump_repair()

    def send_acks(self, event):
        for site, ack in event['acks'].items():
            if ack != EMPTY_ACK:
                self.send('ack', site=site, ack=ack)

    def base_found(self, event):
        if self.feed['state'] != 'idle':
            return
        if event['lost']:
            if self.upload['announced'] > 0 and (self.is_client or self.mode == 'peer' or self.terms['vouch']):
                self.effect('identity-lost', alarm='OWN_HISTORY_LOST', error={'code': 'SITE_CONFLICT'})
                return
            self.effect('alarm', code='OWN_HISTORY_LOST')
        base = event['base']
        self.feed |= {'state': 'refill', 'at': base['at'], 'claimNumber': None, 'n': 0}
        self.send('base', era=base['nonce'], at=base['at'])
        self.pump_feed()

    def piece(self, event):
        feed = self.feed
        feed['reading'] = False
        if feed['state'] != 'refill' or event['from'] != feed['at']:
            return self.pump_feed()
        has_claims = event['last'] and not feed['once']
        claims = without(event['claims'], self.peer['site']) if has_claims else {}
        for i, parts in enumerate(event['windows']):
            is_final = i == len(event['windows']) - 1
            self.window(event['to'] if is_final else event['from'], parts, claims if is_final else {})
        if not event['last']:
            return self.pump_feed()
        if feed['once']:
            feed['state'] = 'off'
            return self.beat()
        feed['state'] = 'live'
        feed['claimNumber'] = event['claimNumber']
        self.beat()
        return self.answer_questions()

    def own_parts(self, event):
        self.upload['reading'] = False
        self.send_parts(event['parts'])
        if event['parts']:
            self.pump_upload()

    def served(self, event):
        self.serving['reading'] = False
        for part in event['parts']:
            self.send('part', **part)
        self.pump_serving()

    def gaps(self, event):
        gaps = event['gaps']
        if self.has_leaf:
            if gaps:
                self.effect('vouching', gaps=gaps, taken=self.terms['vouch'])
                if self.terms['vouch']:
                    self.intake['vouched'] = True
                    self.pull()
        elif not gaps:
            self.repair['stated'] = {}
        else:
            site, ranges = next(iter(gaps.items()))
            asked = unite_coverages(self.repair['asked'], {site: ranges})
            self.repair = {'stated': gaps, 'asked': asked, 'waitingSince': self.now}
            self.send('want', site=site, ranges=ranges)

    def image_found(self, event):
        if self.image_offer != 'asked':
            return
        self.image_offer = 'done'
        if 'offer' in event:
            self.send('image', **event['offer'])
        else:
            self.find_base(None)

    def sent(self, event):
        self.credit['sentBytes'] += event['bytes']
        self.credit['blocked'] = event['blocked']

    def drained(self, _event):
        self.credit['blocked'] = False
        self.pump()

    def ask(self, _event):
        number = self.asks['next']
        self.asks['next'] += 1
        self.asks['open'].append({'ask': number, 'askedAt': self.now, 'afterInput': None})
        self.effect('asked', ask=number)
        if self.phase == 'open':
            self.beat(ask=number)

    def state_coverage(self, event):
        self.state(event['coverage'])

    def carry(self, event):
        self.carries_to = event.get('to')
        if self.carries_to is not None:
            self.beat()

    def ephemeral(self, event):
        self.send('ephemeral', bytes=event['bytes'])

    def tick(self, event):
        limits, now = self.limits, self.now
        frames_wait = event.get('framesWait', False)
        if frames_wait and self.phase == 'greeting':
            return
        if frames_wait:
            self.heard_at = now
        if self.terms.get('expiresAt') is not None and now >= self.terms['expiresAt']:
            self.end('UNAUTHORIZED')
        if self.phase == 'greeting':
            if now - self.started_at >= limits['handshakeMs']:
                self.end('HANDSHAKE_TIMEOUT')
            return
        if now - self.heard_at >= limits['silenceMs']:
            self.end('HEARTBEAT_LOST')
        if now - self.sent_at >= limits['beatMs']:
            self.beat()
        if frames_wait:
            return
        if self.intake['state'] == 'pulling' and now - self.intake['pulledAt'] >= limits['beatMs']:
            self.pull()
        if self.upload['inFlight'] and now - self.upload['progressAt'] >= limits['silenceMs']:
            self.upload |= {'inFlight': [], 'progressAt': now}
        self.pump_upload()
        for one in self.asks['open']:
            if one['afterInput'] is None and now - one['askedAt'] >= limits['beatMs']:
                one['askedAt'] = now
                self.beat(ask=one['ask'])
        self.repeat_statement()
        waiting = self.repair['waitingSince']
        if waiting is not None and now - waiting >= limits['silenceMs']:
            self.repair['waitingSince'] = None
        self.pump_repair()

    def end_here(self, event):
        self.end(event['error']['code'], event['error']['details'], event.get('retryAfterMs'))

    def port_closed(self, _event):
        self.end_silently('LINK_LOST')


ALWAYS = {'ask': Session.ask, 'tick': Session.tick, 'end': Session.end_here, 'port-closed': Session.port_closed}
IN_GREETING = {
    **ALWAYS, 'start': Session.start, 'message': Session.greet, 'peer-known': Session.open,
    'committed': Session.announced_only,
}
IN_OPEN = {
    **ALWAYS, 'message': Session.message, 'committed': Session.committed, 'applied': Session.applied,
    'base-found': Session.base_found, 'piece': Session.piece, 'own-parts': Session.own_parts,
    'served': Session.served, 'gaps': Session.gaps, 'image-found': Session.image_found, 'sent': Session.sent,
    'drained': Session.drained, 'acknowledge': Session.send_acks, 'carry': Session.carry,
    'state': Session.state_coverage, 'ephemeral': Session.ephemeral,
}
