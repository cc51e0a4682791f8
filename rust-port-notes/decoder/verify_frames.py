"""Decodes every frame of vectors/frames.json and compares it with its meaning; every form must have been met."""
from columns import met
from digest import digest_of_coverage
from frames import read_http_body, read_message
from greeting import cursor_from
from reader import Ids, LIMITS, Refused
from values import packed_key, value_to_json

FORMS = [
    *(f'numbers {form}{way}' for form in (0, 1, 2) for way in ('', ' by difference')),
    *(f'values {form}' for form in range(10)),
    *(f'values {form} and nulls' for form in range(1, 9)),
    *(f'mixed {kind}' for kind in (1, 2, 4, 8, 16, 32)),
    *(f'keys {form}' for form in range(4)),
    *(f'seq {form}' for form in range(3)),
    *(f'versions {form}' for form in range(4)),
    'body',
    'body deflated',
    'body split',
    'body deflated split',
]


def verify_frames(vectors, tables):
    """The faults that were found, and how many vectors were looked at."""
    faults, count = [], 0

    def check(name, found, expected):
        nonlocal count
        count += 1
        if found != expected:
            faults.append(f'{name}: {found!r:.300} is not {expected!r:.300}')

    defaults = dict(tables['limits'])
    for name, limit in LIMITS.items():
        check(name, limit, defaults[name])
    met.clear()
    meanings = {vector['name']: vector['meaning'] for vector in vectors['messages']}
    for vector in vectors['messages']:
        check(vector['name'], attempt(read_message, vector['hex']), vector['meaning'])
    for vector in vectors['bodies']:
        check(vector['name'], attempt(read_http_body, vector['hex']), vector['meaning'])
    for link in vectors['links']:
        ids = Ids()
        for i, frame in enumerate(link['frames']):
            check(f'{link["name"]} {i}', attempt(read_message, frame['hex'], ids), frame['meaning'])
    for vector in vectors['chunked']:
        chunks = [attempt(read_message, frame) for frame in vector['frames']]
        check('order of chunks', [chunk['i'] for chunk in chunks], list(range(chunks[0]['n'])))
        whole = ''.join(chunk['bytes']['hex'] for chunk in chunks)
        check('chunks', attempt(read_message, whole), meanings[vector['message']])
    for form in FORMS:
        check(f'form met: {form}', met[form] > 0, True)
    for vector in vectors['tolerated']:
        check(vector['name'], attempt(read_message, vector['hex']), vector['meaning'])
    for vector in vectors['refused']:
        check(vector['name'], attempt(read_message, vector['hex']), vector['code'])
    for vector in vectors['refusedBodies']:
        check(vector['name'], attempt(read_http_body, vector['hex']), vector['code'])
    for vector in vectors['keys']:
        expected = vector['values'] if vector['valid'] else 'CHANGE_INVALID'
        check(f'key {vector["hex"]}', attempt(key_json, vector['hex']), expected)
    for vector in vectors['digests']:
        check('digest', digest_of_coverage(vector['coverage']), vector['digest'])
    for vector in vectors['cursors']:
        check('cursor', cursor_from(vector['text']), {'nonce': vector['nonce'], 'at': vector['at']})
    return faults, count


def key_json(data):
    return [value_to_json(value) for value in packed_key(data)]


def attempt(read, text, *more):
    """What was read, or the code of the refusal."""
    try:
        return read(bytes.fromhex(text), *more)
    except Refused as error:
        return error.code
