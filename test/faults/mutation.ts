/** Damage to bytes, texts and JSON, as a hostile or broken sender does it. */
import type { Random } from '../simulation/random.ts';

const BYTES = [0, 1, 0x10, 0x7f, 0x80, 0xc1, 0xdc, 0xfe, 0xff];
/** Lengths and counts beyond all bounds, as variable-length and fixed numbers. */
const NUMBERS: readonly (readonly number[])[] = [
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
  [0xff, 0xff, 0xff, 0xff],
  [0x7f, 0xff, 0xff, 0xff],
  [0xdd, 0xff, 0xff, 0xff, 0xff],
  [0x00, 0x00, 0x00, 0x00],
];

type Damage = (random: Random, bytes: Uint8Array, other: Uint8Array) => Uint8Array;

const DAMAGES: readonly (readonly [number, Damage])[] = [
  [5, (random, bytes) => replaced(bytes, random.below(bytes.length + 1), 1, [random.below(256)])],
  [4, (random, bytes) => replaced(bytes, random.below(bytes.length + 1), 1, [random.pick(BYTES)])],
  [4, flipped],
  [3, (random, bytes) => replaced(bytes, random.below(bytes.length + 1), 0, [...random.bytes(random.between(1, 6))])],
  [3, (random, bytes) => replaced(bytes, random.below(bytes.length + 1), random.between(1, 12), [])],
  [3, (random, bytes) => replaced(bytes, random.below(bytes.length + 1), random.pick([0, 1, 4]), random.pick(NUMBERS))],
  [2, (random, bytes) => bytes.slice(0, random.below(bytes.length + 1))],
  [2, repeated],
  [2, spliced],
];

/** One to four damages, one after the other. */
export function mutated(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  let result = bytes;
  const count = random.pick([1, 1, 1, 2, 2, 4]);
  for (let i = 0; i < count; i++) result = random.weighted(DAMAGES)(random, result, other);
  return result;
}

export function mutatedText(random: Random, text: string, other: string): string {
  const encoder = new TextEncoder();
  return new TextDecoder().decode(mutated(random, encoder.encode(text), encoder.encode(other)));
}

function replaced(bytes: Uint8Array, at: number, remove: number, insert: readonly number[]): Uint8Array {
  const tail = bytes.subarray(Math.min(bytes.length, at + remove));
  const result = new Uint8Array(at + insert.length + tail.length);
  result.set(bytes.subarray(0, at));
  result.set(insert, at);
  result.set(tail, at + insert.length);
  return result;
}

function flipped(random: Random, bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return bytes;
  const at = random.below(bytes.length);
  return replaced(bytes, at, 1, [bytes[at]! ^ (1 << random.below(8))]);
}

/** A piece stands there many times. */
function repeated(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1);
  const piece = bytes.subarray(at, at + random.between(1, 16));
  const times = random.pick([1, 2, 50]);
  return replaced(bytes, at, 0, Array.from({ length: times }, () => [...piece]).flat());
}

function spliced(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  return replaced(bytes.slice(0, random.below(bytes.length + 1)), 0, 0, [
    ...other.slice(random.below(other.length + 1)),
  ]);
}

const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  1e308,
  2 ** 53,
  -(2 ** 63),
  '',
  'x'.repeat(70_000),
  '\u0000',
  '\ud800',
  [],
  {},
  [[]],
  [[5, 1]],
  [[-1, 2 ** 60]],
  { int: '9'.repeat(40) },
  { int: '1' },
  { real: 'NaN' },
  { real: 'Infinity' },
  { blob: '%' },
  { blob: '' },
  'ff'.repeat(16),
  'FF'.repeat(16),
  JSON.parse('{"__proto__": {"siteId": "x"}, "constructor": 1, "toString": 2}'),
];

/** A JSON value with one of its parts exchanged, removed, repeated or nested. */
export function mutatedJson(random: Random, value: unknown): unknown {
  const isWhole = typeof value !== 'object' || value === null || value instanceof Uint8Array;
  if (isWhole || random.chance(0.15)) return random.pick(ODD_VALUES);
  if (Array.isArray(value)) return mutatedList(random, value);
  const entries = Object.entries(value);
  if (entries.length === 0) return random.pick(ODD_VALUES);
  const [name, part] = random.pick(entries);
  switch (random.below(6)) {
    case 0:
      return Object.fromEntries(entries.filter(([other]) => other !== name));
    case 1:
      return { ...value, [random.pick(['__proto__', 'siteId', 'site', 'since', 'inOrder', 'x'])]: part };
    default:
      return { ...value, [name]: mutatedJson(random, part) };
  }
}

function mutatedList(random: Random, list: readonly unknown[]): unknown[] {
  if (list.length === 0) return [random.pick(ODD_VALUES)];
  const at = random.below(list.length);
  switch (random.below(6)) {
    case 0:
      return list.filter((_, i) => i !== at);
    case 1:
      return [...list, ...Array.from({ length: random.pick([1, 200]) }, () => list[at])];
    default:
      return list.map((one, i) => (i === at ? mutatedJson(random, one) : one));
  }
}
