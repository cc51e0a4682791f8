"""
Verifies the test vectors with a second implementation, written from the notes alone.

    python3 rust-port-notes/decoder/verify.py

Prints one line a file and exits with 1 when anything differs. Python 3.11, standard library only.
"""
import json
import pathlib
import sys

from verify_frames import verify_frames
from verify_merges import verify_merges

FOLDER = pathlib.Path(__file__).parent.parent / 'vectors'
CHECKS = {'frames.json': verify_frames, 'merges.json': verify_merges}


def main():
    failed = False
    for name, check in CHECKS.items():
        faults, count = check(json.loads((FOLDER / name).read_text('utf-8')))
        print(f'{name}: {count} checks, {len(faults)} faults')
        for fault in faults[:20]:
            print(f'  {fault}')
        failed = failed or count == 0 or bool(faults)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
