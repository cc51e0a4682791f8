"""Range sets as sorted lists of [lo, hi], (lo, hi]; coverages as dictionaries of them by site, none of them empty."""


def union(a, b):
    """Both in normal form: sorted, and none touches the next."""
    found = []
    for lo, hi in sorted([*a, *b]):
        if found and lo <= found[-1][1]:
            found[-1][1] = max(found[-1][1], hi)
        else:
            found.append([lo, hi])
    return found


def intersect(a, b):
    pairs = ([max(x[0], y[0]), min(x[1], y[1])] for x in a for y in b)
    return union([], [pair for pair in pairs if pair[0] < pair[1]])


def subtract(a, b):
    for lo, hi in b:
        a = [piece for x, y in a for piece in ([x, min(y, lo)], [max(x, hi), y]) if piece[0] < piece[1]]
    return union([], a)


def end_of(ranges):
    """The highest version in a range set, 0 in an empty one."""
    return ranges[-1][1] if ranges else 0


def unite_coverages(a, b):
    return {site: union(a.get(site, []), b.get(site, [])) for site in {**a, **b}}


def subtract_coverages(a, b):
    rest = {site: subtract(ranges, b.get(site, [])) for site, ranges in a.items()}
    return {site: ranges for site, ranges in rest.items() if ranges}


def without(coverage, site):
    return {other: ranges for other, ranges in coverage.items() if other != site}
