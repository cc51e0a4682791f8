"""Merges every change set of vectors/merges.json and compares tables, authors and ranges with what is expected."""
import copy
import itertools
import json

from merge import Replica

ORDERS_MAX = 120


def verify_merges(vectors, _tables):
    """The faults that were found, and how many ends were looked at."""
    faults, count = [], 0
    for world in vectors['worlds']:
        steps = world['steps']
        outcomes, state = run(world, steps)
        expected = comparable(world['expected'])
        given = [step['outcome'] for step in steps if 'outcome' in step]
        count += 2
        if outcomes != given:
            faults.append(f'{world["name"]}: outcomes {outcomes} are not {given}')
        if state != expected:
            faults.append(f'{world["name"]}: {state} is not {expected}')
        for order in orders(world):
            count += 1
            if run(world, order)[1] != expected:
                faults.append(f'{world["name"]}: another end in another order')
    return faults, count


def verify_writes(vectors, _tables):
    """Whoever merges the parts of a writer has the writer's rows."""
    faults, count = [], 0
    for world in vectors['writes']:
        replica = Replica(world['tables'])
        for flush in world['flushes']:
            if 'part' in flush:
                replica.take({'site': 'a1' * 16, **copy.deepcopy(flush['part'])})
        found = replica.state()['tables']
        count += 1
        if {name: in_order(rows) for name, rows in found.items()} != {
            name: in_order(rows) for name, rows in world['expected'].items()
        }:
            faults.append(f'{world["name"]}: {found} is not {world["expected"]}')
    return faults, count


def orders(world):
    """Other orders of the steps, with one of them twice."""
    if not world['anyOrder']:
        return []
    found = itertools.islice(itertools.permutations(world['steps']), ORDERS_MAX)
    return [[*order, order[0]] for order in found]


def run(world, steps):
    replica = Replica(world['tables'])
    outcomes = []
    for step in copy.deepcopy(steps):
        if 'part' in step:
            outcomes.append(replica.take(step['part']))
        elif 'input' in step:
            outcomes.append(replica.take_input(**step['input']))
        else:
            replica.migrate(step['tables'])
    return outcomes, comparable(replica.state())


def comparable(state):
    """Rows and lists in one order, numbers in one spelling."""
    state = {**state, 'tables': {name: in_order(rows) for name, rows in state['tables'].items()}}
    return {**state, 'clocks': in_order(state['clocks']), 'parked': in_order(state['parked'])}


def in_order(items):
    return sorted(json.dumps(one_spelling(item), sort_keys=True) for item in items)


def one_spelling(item):
    if isinstance(item, dict):
        return {name: repr(float(one)) if name == 'real' else one_spelling(one) for name, one in item.items()}
    return [one_spelling(one) for one in item] if isinstance(item, list) else item
