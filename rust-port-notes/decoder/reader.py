"""Reads numbers, texts and ids out of bytes, as wire-format.md says. Every fault is a Refused with its code."""
import struct

VERSION_MAX = 2**53 - 1
# Of column versions and causal lengths.
CHANGE_NUMBER_MAX = 2**52
IDS_MAX = 4000

LIMITS = {
    'rangesMax': 10_000,
    'sitesMax': 100_000,
    'partChangesMax': 1_000_000,
    'messageBytesMax': 64 << 20,
    'valueBytesMax': 16 << 20,
    'packedKeyBytesMax': 64 << 10,
    'schemaBytesMax': 1 << 20,
    'seqMax': 2**31 - 1,
    'controlDepthMax': 12,
    'controlItemsMax': 1_000_000,
    'tablesMax': 400,
    'columnsMax': 63,
}


class Refused(Exception):
    """Bytes that are not taken; `code` is one of the codes of the page."""

    def __init__(self, code, what):
        super().__init__(f'{code}: {what}')
        self.code = code


def malformed(what):
    return Refused('FRAME_MALFORMED', what)


def invalid(what):
    return Refused('CHANGE_INVALID', what)


class Reader:
    """Bytes with a place in them; each method takes what wire-format.md calls by that name."""

    def __init__(self, data):
        self.data = bytes(data)
        self.at = 0

    @property
    def left(self):
        return len(self.data) - self.at

    def raw(self, length):
        if length > self.left:
            raise malformed('it ends too early')
        piece = self.data[self.at : self.at + length]
        self.at += length
        return piece

    def rest(self):
        return self.raw(self.left)

    def u8(self):
        return self.raw(1)[0]

    def flag(self):
        byte = self.u8()
        if byte > 1:
            raise malformed('neither 0 nor 1')
        return byte == 1

    def varint(self):
        value = 0
        for i in range(8):
            byte = self.u8()
            value |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                if value > VERSION_MAX:
                    break
                return value
        raise malformed('a number is too large')

    def count(self, most):
        value = self.varint()
        if value > most:
            raise malformed(f'{value} is more than {most}')
        return value

    def signed(self):
        first = self.u8()
        magnitude = first & 0x3F
        if first & 0x80:
            magnitude += self.varint() * 64
        if magnitude > VERSION_MAX:
            raise malformed('a number is too large')
        return -magnitude if first & 0x40 else magnitude

    def int64(self):
        return struct.unpack('<q', self.raw(8))[0]

    def float64(self):
        return struct.unpack('<d', self.raw(8))[0]

    def bytes(self):
        return self.raw(self.varint())

    def text(self, most=VERSION_MAX):
        return utf8(self.raw(self.count(most)))

    def end(self):
        if self.left:
            raise malformed(f'{self.left} bytes too many')

    def range_from(self, at):
        lo = at + self.varint()
        hi = lo + self.varint()
        if hi <= lo or hi > VERSION_MAX:
            raise malformed('an empty or endless range')
        return [lo, hi]

    def ranges(self):
        found = []
        for i in range(self.count(LIMITS['rangesMax'])):
            end = found[-1][1] if found else 0
            one = self.range_from(end)
            if i > 0 and one[0] == end:
                raise malformed('ranges that touch')
            found.append(one)
        return found

    def coverage(self, ids):
        found = {}
        for _ in range(self.count(LIMITS['sitesMax'])):
            site = ids.read(self)
            ranges = self.ranges()
            if not ranges or site in found:
                raise malformed('a site twice or with nothing')
            found[site] = ranges
        return found


class Ids:
    """The memory of ids of one frame, or of one direction of a link."""

    def __init__(self):
        self.known = {}

    def read(self, reader):
        head = reader.varint()
        number = head // 2
        if head > 0 and head % 2 == 0:
            if number not in self.known:
                raise malformed('an id by a number that was never given')
            return self.known[number]
        found = reader.raw(16).hex()
        if head == 0:
            return found
        if number == 0 or number > IDS_MAX or self.known.get(number, found) != found:
            raise malformed('an id that is numbered anew')
        self.known[number] = found
        return found


def utf8(data):
    try:
        return data.decode('utf-8')
    except UnicodeDecodeError as error:
        raise malformed('a text is not UTF-8') from error
