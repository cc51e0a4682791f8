"""Frames and HTTP bodies as JSON: what has fixed order. Greetings and refusals stand in greeting.py."""
from body import Budget, read_body
from greeting import read_acknowledgement, read_map
from msgpack import unpack
from reader import Ids, Reader, Refused, VERSION_MAX, malformed

MAPS = {1: 'hello', 2: 'welcome', 11: 'nack', 19: 'error', 20: 'bye'}
PLAIN = {
    3: 'base', 4: 'window', 5: 'mark', 6: 'beat', 7: 'pull', 8: 'pullall', 9: 'part', 10: 'ack', 12: 'coverage',
    13: 'want', 14: 'credit', 15: 'chunk', 16: 'ephemeral', 17: 'image',
}
BODIES = {32: 'push', 33: 'store-order', 34: 'want'}


def read_message(data, link=None):
    """One frame; `link` is the memory of ids of the frames of this direction."""
    reader, tag = opened(data)
    kind = tag & 0x7F
    if kind not in MAPS and kind not in PLAIN:
        raise malformed('an unknown tag')
    if tag & 0x80 and link is None:
        raise malformed('ids of a link, and this is none')
    if kind in MAPS:
        return read_map(MAPS[kind], unpack(reader))
    message = {'type': PLAIN[kind], **FIELDS[kind](reader, link if tag & 0x80 else Ids())}
    reader.end()
    return message


def read_http_body(data):
    """The body of an HTTP call in binary."""
    reader, tag = opened(data)
    if tag not in BODIES:
        raise malformed('an unknown tag')
    form, ids, budget = BODIES[tag], Ids(), Budget()
    if form == 'push':
        in_order = reader.flag()
        return {'form': form, 'inOrder': in_order, **read_parts(reader, 1, ids, budget)[0]}
    head = {'form': form, 'site': ids.read(reader), 'epoch': ids.read(reader), 'more': reader.flag()}
    if form == 'want':
        head['since'] = reader.coverage(ids)
    else:
        if reader.flag():
            head['since'] = read_cursor(reader, ids)
        head |= read_from_to(reader)
        head['cursor'] = {'nonce': head['epoch'], 'at': head['to']}
    claims = reader.coverage(ids)
    parts = read_parts(reader, reader.varint(), ids, budget)
    reader.end()
    return {**head, 'claims': claims, 'parts': parts}


def opened(data):
    reader = Reader(data)
    if reader.u8() != 1:
        raise Refused('WIRE_VERSION', 'a version that is not known')
    return reader, reader.u8()


def read_cursor(reader, ids):
    return {'nonce': ids.read(reader), 'at': reader.varint()}


def read_era_at(reader, ids):
    return {'era': ids.read(reader), 'at': reader.varint()}


def read_from_to(reader):
    start = reader.varint()
    end = start + reader.varint()
    if end > VERSION_MAX:
        raise malformed('a version is too large')
    return {'from': start, 'to': end}


def read_position(reader, ids):
    era = ids.read(reader)
    return {'era': era, **read_from_to(reader), 'n': reader.varint()}


def read_parts(reader, count, ids, budget):
    """Sites and bodies; the last body takes all that is left."""
    if count > reader.left:
        raise malformed('more parts than bytes')
    parts = []
    for i in range(count):
        site = ids.read(reader)
        parts.append(read_body(site, reader.bytes() if i < count - 1 else reader.rest(), budget))
    return parts


def read_window(reader, ids):
    position = read_position(reader, ids)
    head = reader.varint()
    claims = None if head % 2 else reader.coverage(ids)
    parts = read_parts(reader, head // 2, ids, Budget())
    if claims is None:
        claims = {part['site']: [part['span']] for part in parts}
        if len(claims) < len(parts):
            raise malformed('claims by spans, and a site with several parts')
    return {**position, 'parts': parts, 'claims': claims}


def read_part(reader, ids):
    claims = None if reader.flag() else reader.ranges()
    (part,) = read_parts(reader, 1, ids, Budget())
    return {'blob': part, 'claims': [part['span']] if claims is None else claims}


def read_beat(reader, ids):
    flags = reader.u8()
    beat = {'era': ids.read(reader)}
    beat |= {name: reader.varint() for name in ('n', 'sentBytes', 'grantedBytes')}
    for bit, name in ((1, 'at'), (4, 'ask'), (8, 'answer')):
        if flags & bit:
            beat[name] = reader.varint()
    return {**beat, 'live': bool(flags & 2)}


def read_pull(reader, ids):
    return {'cursor': read_cursor(reader, ids)} if reader.flag() else {}


def read_want(reader, ids):
    want = {'site': ids.read(reader), 'ranges': reader.ranges()}
    if not want['ranges']:
        raise malformed('a want of nothing')
    return want


def read_chunk(reader, _ids):
    chunk = {name: reader.varint() for name in ('transfer', 'i', 'n')}
    return {**chunk, 'bytes': {'hex': reader.rest().hex()}}


FIELDS = {
    3: read_era_at,
    4: read_window,
    5: read_position,
    6: read_beat,
    7: read_pull,
    8: read_pull,
    9: read_part,
    10: lambda reader, ids: {'site': ids.read(reader), 'ack': read_acknowledgement(reader)},
    12: lambda reader, ids: {'coverage': reader.coverage(ids)},
    13: read_want,
    14: lambda reader, ids: {'grantedBytes': reader.varint()},
    15: read_chunk,
    16: lambda reader, ids: {'bytes': {'hex': reader.rest().hex()}},
    17: lambda reader, ids: {**read_era_at(reader, ids), 'bytes': reader.varint(), 'hash': reader.raw(32).hex()},
}
