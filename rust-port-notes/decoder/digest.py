"""Digests of coverages, by bucket."""
MASK_64 = 2**64 - 1


def digest_of_coverage(coverage):
    """Bucket (as text) -> sum of the hashes of its sites."""
    digest = {}
    for site, ranges in coverage.items():
        bucket = str(int(site[:2], 16))
        text = site + ':' + ','.join(f'{lo}-{hi}' for lo, hi in ranges)
        digest[bucket] = (digest.get(bucket, 0) + hash_text(text)) % 2**52
    return digest


def hash_text(text):
    found = 14695981039346656037
    for byte in text.encode('ascii'):
        found = (found ^ byte) * 1099511628211 & MASK_64
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        found = (found ^ found >> 33) * factor & MASK_64
    return found ^ found >> 33
