"""The merge rule of merge-rule.md over plain dictionaries."""
import base64
import math
import re

from ranges import intersect, subtract, union
from reader import Refused, VERSION_MAX
from values import packed_key, value_from_json, value_to_json

SENTINEL = '-1'
LITERAL = re.compile(r'[\t-\r ]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[\t-\r ]*\Z')
RANKS = {type(None): 0, bytes: 1, str: 2, float: 3, int: 4}


class Replica:
    """Rows, authors and knowledge of one replica; parts come in, `state` shows the end."""

    def __init__(self, tables):
        self.rows = {}
        self.knowledge = {}
        self.parked = []
        self.migrate(tables)

    def known(self, site):
        return self.knowledge.setdefault(site, {'have': [], 'waiting': [], 'spans': []})

    def take(self, part):
        """An input of one part; its outcome."""
        return self.take_input([part], {part['site']: part['claims']})

    def take_input(self, parts, claims):
        """An input of several parts, taken whole or not at all; its outcome."""
        try:
            steps = [(part, row, self.place_of(row, part)) for part in parts for row in part['rows']]
        except Refused:
            return 'invalid'
        changed = parked = news = False
        for part, row, place in steps:
            result = self.merge(part['site'], row, place)
            changed = changed or result == 'changed'
            if result == 'parked':
                parked = True
                self.park(part['site'], row, part['span'])
        for site, ranges in claims.items():
            news = self.claim(site, ranges) or news
        if parked:
            return 'parked'
        waits = any(subtract(ranges, self.known(site)['have']) for site, ranges in claims.items())
        return 'applied' if changed or news or waits else 'duplicate'

    def claim(self, site, ranges):
        """Takes a claim but where parked changes lie; true when it was news."""
        known = self.known(site)
        held = known['have']
        news = subtract(subtract(ranges, known['spans']), held)
        known['waiting'] = union(known['waiting'], subtract(intersect(ranges, known['spans']), held))
        known['have'] = union(held, news)
        return bool(news)

    def place_of(self, row, part):
        """The table, and the key where it fits; None for what is not known here."""
        lo, hi = part['span']
        if not lo < row.get('version', hi) <= hi:
            raise Refused('CHANGE_INVALID', 'a version outside of the span')
        key = packed_key(base64.b64decode(row['pk']))
        table = self.tables.get(row['table'])
        if table is None or len(table['key']) != len(key):
            return None
        for value, affinity in zip(key, table['key']):
            if not is_key_form(value, affinity):
                raise Refused('CHANGE_INVALID', 'a key in another form')
        return table

    def merge(self, site, row, table):
        if table is None or (row['cid'] != SENTINEL and row['cid'] not in table['columns']):
            return 'parked'
        cid, cl = row['cid'], row['cl']
        rows = self.rows.setdefault(row['table'], {})
        local = rows.get(row['pk'], {'cl': 0, 'site': '', 'cells': {}})
        if cl < local['cl']:
            return 'unchanged'
        is_new_life = cl > local['cl']
        if cid == SENTINEL:
            if not is_new_life and site <= local['site']:
                return 'unchanged'
            rows[row['pk']] = {'cl': cl, 'site': site, 'cells': {} if is_new_life else local['cells']}
            return 'changed'
        column = table['columns'][cid]
        cell = (row['colVersion'], stored_form(value_from_json(row['val']), column['affinity']), site)
        before = None if is_new_life else local['cells'].get(cid)
        if before is not None and order(cell) <= order(before):
            return 'unchanged'
        if cell[1] is None and column['notNull']:
            return 'parked'
        if is_new_life:
            local = {'cl': cl, 'site': site, 'cells': {}}
        local['cells'][cid] = cell
        rows[row['pk']] = local
        return 'changed'

    def park(self, site, row, span):
        if 'version' in row:
            span = [row['version'] - 1, row['version']]
        same = ('table', 'pk', 'cid', 'cl', 'colVersion', 'val')
        for one in self.parked:
            if one['site'] == site and all(one['row'][name] == row[name] for name in same):
                one['span'] = [max(one['span'][0], span[0]), min(one['span'][1], span[1])]
                return
        self.parked.append({'site': site, 'row': row, 'span': span})
        known = self.known(site)
        known['spans'] = union(known['spans'], [span])

    def migrate(self, tables):
        """Other tables; what was parked is tried again, with the claims that waited for it."""
        self.tables = {name: table_from(table) for name, table in tables.items()}
        waited, self.parked = self.parked, []
        freed = set()
        for one in waited:
            place = self.place_of(one['row'], {'span': [0, VERSION_MAX]})
            if self.merge(one['site'], one['row'], place) == 'parked':
                self.parked.append(one)
            else:
                freed.add(one['site'])
        for site in freed:
            known = self.known(site)
            spans = union([], [one['span'] for one in self.parked if one['site'] == site])
            known['spans'] = spans
            known['have'] = union(known['have'], subtract(known['waiting'], spans))
            known['waiting'] = intersect(known['waiting'], spans)

    def state(self):
        """Everything as the vectors show it."""
        tables, clocks = {}, []
        for name, table in self.tables.items():
            shown = []
            for pk, row in self.rows.get(name, {}).items():
                head = {'table': name, 'pk': pk, 'cl': row['cl']}
                if row['cl'] % 2 == 0 or not table['columns']:
                    clocks.append({**head, 'cid': SENTINEL, 'colVersion': row['cl'], 'site': row['site']})
                if row['cl'] % 2 == 1:
                    shown.append(shown_row(table, pk, row))
                for cid, (col_version, _, site) in row['cells'].items():
                    clocks.append({**head, 'cid': cid, 'colVersion': col_version, 'site': site})
            tables[name] = shown
        ranges = {
            kind: {site: known[kind] for site, known in self.knowledge.items() if known[kind]}
            for kind in ('have', 'waiting')
        }
        return {'tables': tables, 'clocks': clocks, 'parked': [shown_parked(one) for one in self.parked], **ranges}


def table_from(table):
    """Affinities, NOT NULL and defaults out of declared columns."""
    kinds = [column['type'].upper() for column in table['key']]
    rowid = kinds == ['INTEGER']
    return {
        'key': ['rowid' if rowid else affinity_of(kind) for kind in kinds],
        'columns': {
            column['name']: {
                'affinity': affinity_of(column['type'].upper()),
                'notNull': column['notNull'],
                'default': value_from_json(column['default']),
            }
            for column in table['columns']
        },
    }


def affinity_of(kind):
    """SQLite's rules for a declared type in capitals, in their order."""
    if 'INT' in kind:
        return 'integer'
    if any(word in kind for word in ('CHAR', 'CLOB', 'TEXT')):
        return 'text'
    if kind == '' or 'BLOB' in kind:
        return 'blob'
    return 'real' if any(word in kind for word in ('REAL', 'FLOA', 'DOUB')) else 'numeric'


def stored_form(value, affinity):
    """A value in the form in which a column of this affinity stores it."""
    if value is None or isinstance(value, bytes) or affinity == 'blob':
        return value
    if affinity == 'text':
        return value if isinstance(value, str) else text_of(value)
    if isinstance(value, str):
        if not LITERAL.match(value):
            return value
        text = value.strip('\t\n\v\f\r ')
        is_integer = re.match(r'[+-]?[0-9]+\Z', text) and -(2**63) <= int(text) < 2**63
        value = int(text) if is_integer else float(text)
    if affinity == 'real':
        return float(value) + 0.0
    return int(value) if is_integral_real(value) else value


def text_of(number):
    """A number as SQLite writes it: of a REAL 15 digits, and always a point."""
    if isinstance(number, int):
        return str(number)
    if math.isinf(number):
        return 'Inf' if number > 0 else '-Inf'
    mantissa, e, exponent = f'{number + 0.0:.15g}'.partition('e')
    return mantissa + ('' if '.' in mantissa else '.0') + e + exponent


def is_integral_real(value):
    return isinstance(value, float) and value.is_integer() and -(2**63) < value < 2**63


def is_key_form(value, affinity):
    """Whether a key column stores the value unchanged."""
    if affinity == 'rowid':
        return isinstance(value, int)
    if affinity == 'blob':
        return not is_integral_real(value)
    stored = stored_form(value, affinity)
    return type(stored) is type(value) and stored == value


def order(cell):
    """Cells compare as (column version, type, value, author)."""
    col_version, value, site = cell
    shown = 0 if value is None else value.encode() if isinstance(value, str) else value
    return col_version, RANKS[type(value)], shown, site


def shown_row(table, pk, row):
    values = packed_key(base64.b64decode(pk))
    for cid, column in table['columns'].items():
        cell = row['cells'].get(cid)
        values.append(column['default'] if cell is None else cell[1])
    return [value_to_json(value) for value in values]


def shown_parked(one):
    names = ('table', 'pk', 'cid', 'val', 'colVersion', 'cl')
    return {'site': one['site'], 'span': one['span'], **{name: one['row'][name] for name in names}}
