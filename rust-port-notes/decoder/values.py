"""SQL values as Python values, in JSON, and in packed keys. INTEGER = int, REAL = float, TEXT = str, BLOB = bytes."""
import base64
import math
import struct

from reader import LIMITS, Reader, Refused, VERSION_MAX, invalid

INTEGER, REAL, TEXT, BLOB = 1, 2, 3, 4


def value_to_json(value):
    """The JSON form of transports.md."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return {'blob': base64.b64encode(value).decode()}
    if isinstance(value, int):
        return value if abs(value) <= VERSION_MAX else {'int': str(value)}
    if math.isinf(value):
        return {'real': 'Infinity' if value > 0 else '-Infinity'}
    if value == 0 and math.copysign(1, value) < 0:
        return {'real': '-0'}
    return {'real': value} if value.is_integer() else value


def value_from_json(json):
    if json is None or isinstance(json, (str, int)):
        return json
    if isinstance(json, float):
        return json
    kind, content = next(iter(json.items()))
    if kind == 'int':
        return int(content)
    return float(content) if kind == 'real' else base64.b64decode(content)


def read_packed_key(reader):
    """The bytes of the packed key that begins here, and its values."""
    start = reader.at
    try:
        values = key_values(reader)
    except Refused as error:
        raise invalid(f'not a packed key: {error}') from error
    packed = reader.data[start : reader.at]
    if len(packed) > LIMITS['packedKeyBytesMax']:
        raise invalid('a key is too long')
    return packed, values


def packed_key(data):
    """The values of bytes that are one packed key."""
    reader = Reader(data)
    _, values = read_packed_key(reader)
    if reader.left:
        raise invalid('bytes behind a key')
    return values


def key_values(reader):
    count = reader.u8()
    if count == 0 or count > 127:
        raise invalid('no or too many values')
    return [key_value(reader) for _ in range(count)]


def key_value(reader):
    head = reader.u8()
    kind, size = head & 7, head >> 3
    if kind == REAL and size == 0:
        value = struct.unpack('>d', reader.raw(8))[0]
        if math.isnan(value):
            raise invalid('NaN')
        return value
    if kind not in (INTEGER, TEXT, BLOB) or size > (8 if kind == INTEGER else 4):
        raise invalid('an unknown type or size')
    digits = reader.raw(size)
    if digits[:1] == b'\0':
        raise invalid('a number is not in its shortest form')
    number = int.from_bytes(digits, 'big')
    if kind == INTEGER:
        return number - 2**64 if number >= 2**63 else number
    content = reader.raw(number)
    return content if kind == BLOB else content.decode('utf-8', 'strict') if is_utf8(content) else bad_text()


def is_utf8(content):
    try:
        content.decode('utf-8')
        return True
    except UnicodeDecodeError:
        return False


def bad_text():
    raise invalid('a text is not UTF-8')
