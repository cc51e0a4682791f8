"""Part bodies: head, span, the author's vector, and rows column by column."""
import base64
import re
import zlib

from columns import met, read_keys, read_numbers, read_values
from reader import CHANGE_NUMBER_MAX, Ids, LIMITS, Reader, Refused, invalid, malformed
from values import value_to_json

SENTINEL = '-1'
NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_]*\Z')
KEPT_BACK = re.compile(r'^(sqlite_|crsql_|crmesh_|__crsql)|__crsql_|autoincrement', re.I)


class Budget:
    """What one message may cost its reader: its bodies share it."""

    def __init__(self):
        self.changes = 0
        self.bytes_left = LIMITS['messageBytesMax']

    def take_changes(self, count):
        self.changes += count
        if self.changes > LIMITS['partChangesMax']:
            raise Refused('TOO_LARGE', 'too many changes')

    def take_bytes(self, count):
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise Refused('TOO_LARGE', 'it unfolds to too many bytes')


def read_body(site, data, budget):
    """A body as JSON: {site, span, rows, seen?}."""
    reader = Reader(data)
    head = reader.u8()
    if head & 0x80:
        raise malformed('a body in an unknown form')
    stored = reader.bytes() if head & 0x40 else reader.rest()
    met[f'body{" deflated" if head & 0x20 else ""}{" split" if head & 0x40 else ""}'] += 1
    packed = Reader(inflated(stored, budget) if head & 0x20 else stored)
    span = packed.range_from(0)
    seen = packed.coverage(Ids()) if head & 0x10 else None
    rows = read_rows(packed, reader, head, span, budget)
    packed.end()
    reader.end()
    for row in rows:
        row['siteId'] = site
    return {'site': site, 'span': span, 'rows': rows, **({} if seen is None else {'seen': seen})}


def inflated(stored, budget):
    inflater = zlib.decompressobj(-15)
    try:
        plain = inflater.decompress(stored, budget.bytes_left + 1)
    except zlib.error as error:
        raise malformed('bytes that cannot be inflated') from error
    budget.take_bytes(len(plain))
    if not inflater.eof:
        raise malformed('a deflate stream that is cut off')
    return plain


def read_rows(packed, raw, head, span, budget):
    """The changes of a body, group by group."""
    group_count = packed.count(LIMITS['partChangesMax'])
    if group_count == 0:
        return []
    tables = [read_table(packed) for _ in range(packed.count(packed.left))]
    templates = [read_template(packed, tables) for _ in range(packed.count(packed.left))]
    numbers = read_numbers(packed, group_count) if len(templates) > 1 else [0] * group_count
    if not templates or min(numbers) < 0 or max(numbers) >= len(templates):
        raise malformed('a template that is not there')
    groups = [templates[number] for number in numbers]
    sizes = [len(group['columns']) for group in groups]
    budget.take_changes(sum(sizes))
    seqs = read_seqs(packed, head & 3, sizes)
    versions = read_versions(packed, head >> 2 & 3, sizes, span)
    for number, table in enumerate(tables):
        read_table_columns(packed, raw, table, [group for group in groups if group['table'] == number], budget)
    return assembled(tables, groups, seqs, versions)


def read_table(packed):
    name = packed.text()
    cids = [packed.text() or SENTINEL for _ in range(packed.count(packed.left))]
    for one in [name, *(cid for cid in cids if cid != SENTINEL)]:
        if len(one) > 128 or not NAME.match(one) or KEPT_BACK.search(one):
            raise invalid(f'no name: {one}')
    return {'name': name, 'cids': cids}


def read_template(packed, tables):
    cl = packed.count(CHANGE_NUMBER_MAX)
    table = packed.varint() if len(tables) > 1 else 0
    if table >= len(tables):
        raise malformed('a table that is not there')
    cids = tables[table]['cids']
    cells = packed.count(packed.left)
    columns = [packed.varint() for _ in range(cells)] or list(range(len(cids)))
    if not columns or max(columns) >= len(cids):
        raise malformed('a column that is not there')
    if cl == 0 or (cl % 2 == 0 and any(cids[column] != SENTINEL for column in columns)):
        raise invalid('a causal length that does not fit')
    return {'table': table, 'cl': cl, 'columns': columns}


def read_seqs(packed, form, sizes):
    met[f'seq {form}'] += 1
    if form == 0:
        first = packed.varint()
        seqs = [first + i for i in range(sum(sizes))]
    elif form == 1:
        first = packed.varint()
        seqs = [first + i for size in sizes for i in range(size)]
    elif form == 2:
        seqs, expected = [], 0
        for difference in read_numbers(packed, sum(sizes)):
            seqs.append(expected + difference)
            expected = seqs[-1] + 1
    else:
        raise malformed('seq in an unknown form')
    if any(not 0 <= seq <= LIMITS['seqMax'] for seq in seqs):
        raise invalid('seq out of bounds')
    return seqs


def read_versions(packed, form, sizes, span):
    met[f'versions {form}'] += 1
    lo, hi = span
    if form < 2:
        return [hi if form == 1 else None] * sum(sizes)
    offsets = read_numbers(packed, len(sizes) if form == 2 else sum(sizes))
    if any(not (0 < offset <= hi - lo or (form == 3 and offset == 0)) for offset in offsets):
        raise invalid('a version outside of the span')
    if form == 2:
        offsets = [offset for offset, size in zip(offsets, sizes) for _ in range(size)]
    return [lo + offset if offset else None for offset in offsets]


def read_table_columns(packed, raw, table, groups, budget):
    cells = [0] * len(table['cids'])
    for group in groups:
        for column in group['columns']:
            cells[column] += 1
    if not groups or 0 in cells:
        raise malformed('an unused table or column')
    table['keys'] = iter(read_keys(packed, raw, len(groups), budget))
    table['cells'] = []
    for cid, count in zip(table['cids'], cells):
        values, flag = read_values(packed, raw, count, budget)
        versions = read_numbers(packed, count) if flag else [packed.varint()] * count
        if any(not 0 <= version <= CHANGE_NUMBER_MAX for version in versions):
            raise invalid('a column version out of bounds')
        if cid == SENTINEL and any(value is not None for value in values):
            raise invalid('a sentinel with a value')
        table['cells'].append(iter(list(zip(values, versions))))


def assembled(tables, groups, seqs, versions):
    rows = []
    for group in groups:
        table = tables[group['table']]
        key = base64.b64encode(next(table['keys'])).decode()
        for column in group['columns']:
            cid = table['cids'][column]
            value, col_version = next(table['cells'][column])
            if cid == SENTINEL and col_version != group['cl']:
                raise invalid('a sentinel whose column version is not its cl')
            row = {'table': table['name'], 'pk': key, 'cid': cid, 'val': value_to_json(value)}
            row |= {'colVersion': col_version, 'cl': group['cl'], 'seq': seqs[len(rows)]}
            if versions[len(rows)] is not None:
                row['version'] = versions[len(rows)]
            rows.append(row)
    return rows
