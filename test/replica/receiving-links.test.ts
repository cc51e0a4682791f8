/** Links whose frames wait: each has its turn, within what the loop takes, whatever another does. */
import { expect, test } from 'vitest';
import { ReceivingLinks } from '../../src/replica/receiving-links.ts';

interface Sender {
  readonly name: string;
  takeFrame(): boolean;
}

function sender(name: string, frames: number, taken: string[]): Sender {
  let left = frames;
  return {
    name,
    takeFrame: () => {
      taken.push(name);
      left -= 1;
      return left === 0;
    },
  };
}

const run = (job: () => void): void => job();

test('a frame of each link is taken before the next of any', () => {
  const taken: string[] = [];
  const links = new ReceivingLinks<Sender>();
  for (const [name, frames] of [['much', 4] as const, ['little', 1] as const, ['some', 2] as const]) {
    links.add(sender(name, frames, taken));
  }
  links.take(() => true, run);
  expect(taken).toEqual(['much', 'little', 'some', 'much', 'some', 'much', 'much']);
  expect(links.size).toBe(0);
});

test('what is left goes on with the link whose turn it was', () => {
  const taken: string[] = [];
  const links = new ReceivingLinks<Sender>();
  for (const name of ['a', 'b', 'c']) links.add(sender(name, 2, taken));
  for (let turn = 0; turn < 3; turn++) {
    const before = taken.length;
    links.take(() => taken.length < before + 2, run);
  }
  expect(taken).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
});

test('a link that fails or has left is not asked again, and the others go on', () => {
  const taken: string[] = [];
  const links = new ReceivingLinks<Sender>();
  const gone = sender('gone', 2, taken);
  links.add({
    name: 'broken',
    takeFrame: () => {
      throw new RangeError('a fault of one link');
    },
  });
  links.add(gone);
  links.add(sender('other', 2, taken));
  links.drop(gone);
  const failed: unknown[] = [];
  links.take(
    () => true,
    (job) => {
      try {
        job();
      } catch (error) {
        failed.push(error);
      }
    },
  );
  expect(taken).toEqual(['other', 'other']);
  expect(failed).toHaveLength(1);
  expect(links.size).toBe(0);
});
