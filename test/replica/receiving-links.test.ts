/** Links whose frames wait: each has its turn, within what the loop takes, whatever another does. */
import { expect, test } from 'vitest';
import type { Taking } from '../../src/replica/receiving-links.ts';
import { ReceivingLinks } from '../../src/replica/receiving-links.ts';

interface Sender {
  readonly name: string;
  takeFrame(): boolean;
}

/** Who has taken which frames, and how many changes they brought. */
class Taken {
  readonly names: string[] = [];
  changes = 0;

  sender(name: string, frames: number, changes: number): Sender {
    let left = frames;
    return {
      name,
      takeFrame: () => {
        this.names.push(name);
        this.changes += changes;
        left -= 1;
        return left === 0;
      },
    };
  }

  /** What the loop says of itself when it takes frames. */
  by(more: (link: Sender) => boolean = () => true): Taking<Sender> {
    return { more, changes: () => this.changes, guard: (job) => job() };
  }
}

const LARGE = 3_000;

test('a share of each link is taken before the next of any, and who has little is through with one', () => {
  const taken = new Taken();
  const links = new ReceivingLinks<Sender>();
  for (const [name, frames, changes] of [
    ['bulk', 3, LARGE] as const,
    ['live', 4, 3] as const,
    ['some', 2, LARGE] as const,
  ])
    links.add(taken.sender(name, frames, changes));
  links.take(taken.by());
  expect(taken.names).toEqual(['bulk', 'live', 'live', 'live', 'live', 'some', 'bulk', 'some', 'bulk']);
  expect(links.size).toBe(0);
});

test('frames that bring nothing are a share as well when there are many', () => {
  const taken = new Taken();
  const links = new ReceivingLinks<Sender>();
  links.add(taken.sender('talks', 1_000, 0));
  links.add(taken.sender('live', 1, 3));
  links.take(taken.by(() => !taken.names.includes('live')));
  expect(taken.names.length).toBeLessThan(200);
  expect(links.size).toBe(1);
});

test('what is left goes on with the link whose turn it was', () => {
  const taken = new Taken();
  const links = new ReceivingLinks<Sender>();
  for (const name of ['a', 'b', 'c']) links.add(taken.sender(name, 2, LARGE));
  for (let turn = 0; turn < 3; turn++) {
    const before = taken.names.length;
    links.take(taken.by(() => taken.names.length < before + 2));
  }
  expect(taken.names).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
});

test('a link of which no more is wanted keeps its place, and others are taken meanwhile', () => {
  const taken = new Taken();
  const links = new ReceivingLinks<Sender>();
  for (const [name, frames] of [['bulk', 2] as const, ['other', 2] as const])
    links.add(taken.sender(name, frames, LARGE));
  links.take(taken.by(({ name }) => name === 'other'));
  links.take(taken.by());
  expect(taken.names).toEqual(['other', 'other', 'bulk', 'bulk']);
});

test('a link that fails or has left is not asked again, and the others go on', () => {
  const taken = new Taken();
  const links = new ReceivingLinks<Sender>();
  const gone = taken.sender('gone', 2, LARGE);
  links.add({
    name: 'broken',
    takeFrame: () => {
      throw new RangeError('a fault of one link');
    },
  });
  links.add(gone);
  links.add(taken.sender('other', 2, LARGE));
  links.drop(gone);
  const failed: unknown[] = [];
  const guard = (job: () => void): void => {
    try {
      job();
    } catch (error) {
      failed.push(error);
    }
  };
  links.take({ ...taken.by(), guard });
  expect(taken.names).toEqual(['other', 'other']);
  expect(failed).toHaveLength(1);
  expect(links.size).toBe(0);
});
