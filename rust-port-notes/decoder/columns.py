"""The columns of a part body: whole numbers, values, texts, keys. `met` counts the forms that were read."""
import math
from collections import Counter

from reader import LIMITS, Reader, VERSION_MAX, invalid, malformed, utf8
from values import packed_key, read_packed_key

met = Counter()


def read_numbers(reader, count):
    """A column of whole numbers, in any of its forms."""
    if count == 0:
        return []
    head = reader.u8()
    form = head & 3
    met[f'numbers {form}{" by difference" if head & 4 else ""}'] += 1
    values = number_form(reader, form, count)
    if not head & 4:
        return values
    total, sums = 0, []
    for value in values:
        total += value
        if abs(total) > VERSION_MAX:
            raise malformed('a number is too large')
        sums.append(total)
    return sums


def number_form(reader, form, count):
    if form == 0:
        return [reader.signed()] * count
    if form == 2:
        return [reader.signed() for _ in range(count)]
    if form != 1:
        raise malformed('numbers in an unknown form')
    values = []
    while len(values) < count:
        value = reader.signed()
        length = reader.count(count - len(values))
        if length == 0:
            raise malformed('an empty run')
        values += [value] * length
    return values


def read_values(packed, raw, count, budget):
    """The values, and the column's flag."""
    head = packed.u8()
    form = head & 0x0F
    if head & ~0x5F:
        raise malformed('a column in an unknown form')
    met[f'values {form}{" and nulls" if head & 0x10 and form else ""}'] += 1
    flag = bool(head & 0x40)
    if form == 0:
        return [None] * count, flag
    if not head & 0x10:
        return value_form(packed, raw, form, count, budget), flag
    bits = packed.raw((count + 7) // 8)
    filled = [bool(bits[i >> 3] >> (i & 7) & 1) for i in range(count)]
    others = iter(value_form(packed, raw, form, sum(filled), budget))
    return [next(others) if is_filled else None for is_filled in filled], flag


def value_form(packed, raw, form, count, budget):
    if form == 1:
        return read_numbers(packed, count)
    if form == 2:
        return [packed.int64() for _ in range(count)]
    if form == 3:
        return [real(packed.float64()) for _ in range(count)]
    if form == 4:
        places = packed.u8()
        if places > 9:
            raise malformed('a power of ten that is not in use')
        return [float(number) / 10.0**places for number in read_numbers(packed, count)]
    if form == 5:
        return read_texts(packed, count)
    if form == 6:
        texts = read_texts(packed, packed.count(256))
        places = packed.raw(count)
        if places and max(places) >= len(texts):
            raise malformed('a text that is not in the dictionary')
        values = [texts[place] for place in places]
        budget.take_bytes(sum(utf16_units(text) for text in values))
        return values
    if form in (7, 8):
        lengths = [packed.count(LIMITS['valueBytesMax']) for _ in range(count)]
        return [(packed if form == 7 else raw).raw(length) for length in lengths]
    if form == 9:
        return [mixed_value(packed) for _ in range(count)]
    raise malformed('a column in an unknown form')


def read_texts(packed, count):
    lengths = [packed.count(LIMITS['valueBytesMax']) for _ in range(count)]
    whole = Reader(packed.raw(sum(lengths)))
    return [utf8(whole.raw(length)) for length in lengths]


def utf16_units(text):
    return len(text) + sum(character > '\uffff' for character in text)


def mixed_value(packed):
    kind = packed.u8()
    met[f'mixed {kind}'] += 1
    if kind == 1:
        return None
    if kind == 2:
        return packed.signed()
    if kind == 4:
        return packed.int64()
    if kind == 8:
        return real(packed.float64())
    if kind == 16:
        return packed.text(LIMITS['valueBytesMax'])
    if kind == 32:
        return packed.raw(packed.count(LIMITS['valueBytesMax']))
    raise malformed('a value of an unknown type')


def real(value):
    if math.isnan(value):
        raise invalid('NaN')
    return value


def read_keys(packed, raw, count, budget):
    """The packed keys of a table, one for each group."""
    form = packed.u8()
    met[f'keys {form}'] += 1
    if form == 0:
        return [read_packed_key(packed)[0] for _ in range(count)]
    if form == 1:
        return [integer_key(number) for number in read_numbers(packed, count)]
    if form not in (2, 3):
        raise malformed('keys in an unknown form')
    shared = packed.bytes()
    rest = packed.varint()
    budget.take_bytes((len(shared) + rest) * count)
    keys = [shared + (packed if form == 2 else raw).raw(rest) for _ in range(count)]
    for key in keys:
        packed_key(key)
    return keys


def integer_key(number):
    if not 0 <= number < 2**48:
        raise malformed('an integer key is out of range')
    digits = number.to_bytes((number.bit_length() + 7) // 8, 'big')
    return bytes([1, len(digits) << 3 | 1]) + digits
