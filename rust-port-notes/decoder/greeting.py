"""Greetings and refusals: MessagePack maps, checked field by field."""
import json
import re

from columns import utf16_units
from reader import LIMITS, Reader, VERSION_MAX, malformed

ID = re.compile(r'[0-9a-f]{32}\Z')
CURSOR = re.compile(r'([0-9a-f]{32})\.(0|[1-9][0-9]{0,15})\Z')


def read_map(kind, fields):
    """The map of a message as JSON, without what is not known."""
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
        return {'type': kind, **found, 'details': json_object(text(fields, 'details', 16_000))}
    retry = {'retryAfterMs': number(fields, 'retryAfterMs')} if 'retryAfterMs' in fields else {}
    return {'type': kind, 'code': text(fields, 'code'), **retry}


def read_greeting(fields):
    found = {name: text(fields, name) for name in ('session', 'dbid', 'schemaHash', 'mesh')}
    found |= {'wire': number(fields, 'wire'), 'credit': number(fields, 'credit')}
    found |= {'site': id_field(fields, 'site'), 'era': id_field(fields, 'era')}
    found['formerSites'] = [checked_id(site) for site in list_field(fields, 'formerSites', 1000)]
    found['shape'] = shape_from(fields.get('shape'))
    found['mode'] = one_of(fields, 'mode', ('leaf', 'peer'))
    found['digest'] = digest_from(list_field(fields, 'digest', 512))
    found['capabilities'] = [one for one in list_field(fields, 'capabilities', 200) if isinstance(one, str)]
    if 'cursor' in fields:
        found['cursor'] = cursor_from(text(fields, 'cursor'))
    return found


def cursor_from(cursor):
    """The text form of a cursor."""
    match = CURSOR.match(cursor)
    if match is None:
        raise malformed('not a cursor')
    return {'nonce': match[1], 'at': whole(int(match[2]))}


def digest_from(flat):
    buckets = [whole(bucket) for bucket in flat[::2]]
    if len(flat) % 2 or any(bucket > 255 for bucket in buckets):
        raise malformed('not a digest')
    return {str(bucket): whole(hash_) for bucket, hash_ in zip(buckets, flat[1::2])}


def json_object(json_text):
    try:
        found = json.loads(json_text, parse_constant=lambda name: bad_details())
    except ValueError:
        bad_details()
    return found if isinstance(found, dict) else bad_details()


def bad_details():
    raise malformed('details are no JSON object')


def greeting_rest(kind, fields):
    if kind == 'hello':
        optional = {'schemaText': LIMITS['schemaBytesMax'], 'siteKey': 200}
        return {name: text(fields, name, most) for name, most in optional.items() if name in fields}
    pairs = list_field(fields, 'acks', 1001)
    if not all(isinstance(pair, list) and len(pair) >= 2 and isinstance(pair[1], bytes) for pair in pairs):
        raise malformed('acks are no pairs')
    return {'acks': {checked_id(pair[0]): exactly(pair[1], read_acknowledgement) for pair in pairs}}


def read_acknowledgement(reader):
    """What is held, parked and refused of one site."""
    return {name: reader.ranges() for name in ('held', 'parked', 'refused')}


def shape_from(shape):
    if not isinstance(shape, dict) or len(shape) > LIMITS['tablesMax']:
        raise malformed('not a shape')
    for columns in shape.values():
        named = isinstance(columns, list) and len(columns) <= LIMITS['columnsMax']
        if not named or not all(isinstance(column, str) for column in columns):
            raise malformed('a shape names columns')
    return shape


def exactly(data, read):
    """What is read of bytes that hold nothing else."""
    reader = Reader(data)
    found = read(reader)
    reader.end()
    return found


def text(fields, name, most=200):
    value = fields.get(name)
    if not isinstance(value, str) or utf16_units(value) > most:
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
