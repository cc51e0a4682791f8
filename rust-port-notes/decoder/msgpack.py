"""MessagePack without extension types, bounded in depth and items."""
import struct

from reader import LIMITS, malformed, utf8

FIXED = {
    0xCA: '>f', 0xCB: '>d', 0xCC: '>B', 0xCD: '>H', 0xCE: '>I', 0xD0: '>b', 0xD1: '>h', 0xD2: '>i',
}
SIZED = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}


class Wide:
    """An integer in a 64-bit form: no number of ours."""


def unpack(reader):
    """The one item that the bytes hold, and nothing behind it."""
    value = Unpacker(reader).item(1)
    reader.end()
    return value


class Unpacker:
    def __init__(self, reader):
        self.reader = reader
        self.items = 0

    def item(self, depth):
        self.items += 1
        if depth > LIMITS['controlDepthMax'] or self.items > LIMITS['controlItemsMax']:
            raise malformed('nested too deep or too many items')
        reader = self.reader
        head = reader.u8()
        if head <= 0x7F:
            return head
        if head >= 0xE0:
            return head - 0x100
        if head <= 0x8F:
            return self.map(head & 0x0F, depth)
        if head <= 0x9F:
            return self.list(head & 0x0F, depth)
        if head <= 0xBF:
            return utf8(reader.raw(head & 0x1F))
        if head in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[head]
        if head in (0xCF, 0xD3):
            reader.raw(8)
            return Wide()
        if head in FIXED:
            return struct.unpack(FIXED[head], reader.raw(struct.calcsize(FIXED[head])))[0]
        if head not in SIZED:
            raise malformed('a type that control messages do not use')
        size = int.from_bytes(reader.raw(SIZED[head]), 'big')
        if head <= 0xC6:
            return reader.raw(size)
        if head <= 0xDB:
            return utf8(reader.raw(size))
        return self.list(size, depth) if head <= 0xDD else self.map(size, depth)

    def list(self, size, depth):
        if size > self.reader.left:
            raise malformed('more items than bytes')
        return [self.item(depth + 1) for _ in range(size)]

    def map(self, size, depth):
        if 2 * size > self.reader.left:
            raise malformed('more items than bytes')
        found = {}
        for _ in range(size):
            name = self.item(depth + 1)
            value = self.item(depth + 1)
            if isinstance(name, str):
                found[name] = value
        return found
