"""Frames and HTTP bodies as JSON."""
import json
import re

from body import Budget, read_body
from msgpack import unpack
from reader import Ids, LIMITS, Reader, Refused, VERSION_MAX, malformed

ID = re.compile(r'[0-9a-f]{32}\Z')
CURSOR = re.compile(r'([0-9a-f]{32})\.(0|[1-9][0-9]{0,15})\Z')
GREETINGS = {1: 'hello', 2: 'welcome'}
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


def read_acknowledgement(reader):
    return {name: reader.ranges() for name in ('held', 'parked', 'refused')}


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


def read_map(kind, fields):
    if not isinstance(fields, dict):
        raise malformed('a control message is not a map')
    if kind in ('hello', 'welcome'):
        return {'type': kind, **read_greeting(fields), **greeting_rest(kind, fields)}
    if kind == 'nack':
        nack = {'site': id_field(fields, 'site'), 'ranges': exactly(bin_field(fields, 'ranges'), Reader.ranges)}
        nack['kind'] = one_of(fields, 'kind', ('reject', 'drop'))
        return {'type': kind, **nack, 'code': text(fields, 'code'), 'message': text(fields, 'message', 4000)}
    if kind == 'error':
        found = {'code': text(fields, 'code'), 'message': text(fields, 'message', 4000)}
        return {'type': kind, **found, 'details': json.loads(text(fields, 'details', 16_000))}
    retry = {'retryAfterMs': number(fields, 'retryAfterMs')} if 'retryAfterMs' in fields else {}
    return {'type': kind, 'code': text(fields, 'code'), **retry}


def read_greeting(fields):
    found = {name: text(fields, name) for name in ('session', 'dbid', 'schemaHash', 'mesh')}
    found |= {'wire': number(fields, 'wire'), 'credit': number(fields, 'credit')}
    found |= {'site': id_field(fields, 'site'), 'era': id_field(fields, 'era')}
    found['formerSites'] = [checked_id(site) for site in list_field(fields, 'formerSites', 1000)]
    found['shape'] = shape_from(fields.get('shape'))
    found['mode'] = one_of(fields, 'mode', ('leaf', 'peer'))
    flat = list_field(fields, 'digest', 512)
    found['digest'] = {str(bucket): whole(hash_) for bucket, hash_ in zip(flat[::2], flat[1::2])}
    found['capabilities'] = [one for one in list_field(fields, 'capabilities', 200) if isinstance(one, str)]
    if 'cursor' in fields:
        match = CURSOR.match(text(fields, 'cursor'))
        if match is None:
            raise malformed('not a cursor')
        found['cursor'] = {'nonce': match[1], 'at': int(match[2])}
    return found


def greeting_rest(kind, fields):
    if kind == 'hello':
        optional = {'schemaText': LIMITS['schemaBytesMax'], 'siteKey': 200}
        return {name: text(fields, name, most) for name, most in optional.items() if name in fields}
    pairs = list_field(fields, 'acks', 1001)
    return {'acks': {checked_id(site): exactly(data, read_acknowledgement) for site, data in pairs}}


def shape_from(shape):
    if not isinstance(shape, dict) or len(shape) > LIMITS['tablesMax']:
        raise malformed('not a shape')
    for columns in shape.values():
        if not isinstance(columns, list) or len(columns) > LIMITS['columnsMax']:
            raise malformed('a shape names columns')
    return shape


def exactly(data, read):
    reader = Reader(data)
    found = read(reader)
    reader.end()
    return found


def text(fields, name, most=200):
    value = fields.get(name)
    if not isinstance(value, str) or len(value.encode('utf-16-le')) > 2 * most:
        raise malformed(f'{name} is no text')
    return value


def whole(value):
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or value != value // 1 or not 0 <= value <= VERSION_MAX:
        raise malformed('not a whole number')
    return int(value)


def number(fields, name):
    return whole(fields.get(name))


def bin_field(fields, name):
    value = fields.get(name)
    if not isinstance(value, bytes):
        raise malformed(f'{name} is not binary')
    return value


def list_field(fields, name, most):
    value = fields.get(name)
    if not isinstance(value, list) or len(value) > most:
        raise malformed(f'{name} is no list')
    return value


def checked_id(value):
    if not isinstance(value, str) or not ID.match(value):
        raise malformed('not an id')
    return value


def id_field(fields, name):
    return checked_id(fields.get(name))


def one_of(fields, name, allowed):
    if fields.get(name) not in allowed:
        raise malformed(f'{name} is none of {allowed}')
    return fields[name]
