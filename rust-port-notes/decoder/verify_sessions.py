"""Replays every script of vectors/sessions.json and compares effects and phase of each step."""
from session import Session

TOLD_TO_PEOPLE = ('ended', 'identity-lost')


def verify_sessions(vectors, tables):
    """The faults that were found, and how many steps were looked at."""
    faults, count = [], 0
    openings = {opening['name']: opening for opening in vectors['openings']}
    known = {'limits': dict(vectors['limits']), 'codes': {row['code'] for row in tables['codes']}}
    for script in vectors['scripts']:
        opening = openings[script['opening']]
        session = Session(opening['start'], known, 0)
        for i, step in enumerate([*opening['steps'], *script['steps']]):
            count += 1
            effects, phase = session.step(step['event'], step['now'])
            found = ([shown(effect) for effect in effects], phase)
            expected = ([shown(effect) for effect in step['effects']], step['phase'])
            if found != expected:
                faults.append(f'{script["name"]}, step {i}: {found!r:.600} is not {expected!r:.600}')
                break
    return faults, count


def shown(effect):
    """An effect without what is for people: details of an error that this side keeps to itself."""
    if effect['type'] in TOLD_TO_PEOPLE:
        return {**effect, 'error': effect['error']['code']}
    return {'vouched': False, **effect} if effect['type'] == 'apply' else effect
