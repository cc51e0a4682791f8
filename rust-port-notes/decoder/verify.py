"""
Verifies the test vectors with a second implementation, made from the notes.

    python3 rust-port-notes/decoder/verify.py

Prints one line a file and exits with 1 when anything differs. Python 3.9 or later, standard library only.
"""
import json
import pathlib
import sys

from verify_frames import verify_frames
from verify_merges import verify_merges, verify_writes
from verify_sessions import verify_sessions

FOLDER = pathlib.Path(__file__).parent.parent / 'vectors'
CHECKS = {
    'frames.json': verify_frames,
    'merges.json': verify_merges,
    'writes.json': verify_writes,
    'sessions.json': verify_sessions,
}


def main():
    failed = False
    tables = vectors('tables.json')
    for name, check in CHECKS.items():
        faults, count = check(vectors(name), tables)
        print(f'{name}: {count} checks, {len(faults)} faults')
        for fault in faults[:20]:
            print(f'  {fault}')
        failed = failed or count == 0 or bool(faults)
    return 1 if failed else 0


def vectors(name):
    return json.loads((FOLDER / name).read_text('utf-8'))


if __name__ == '__main__':
    sys.exit(main())
