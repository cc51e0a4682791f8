/** A changing share of the deliberate faults is noticed; `npm run test:mutations` tries all of them. */
import { expect, test } from 'vitest';
import { Random } from '../simulation/random.ts';
import { FAULTS } from './faults.ts';
import { verdictOf } from './verdict.ts';

const SHARE = 3;
const seed = Math.floor(Math.random() * 2 ** 31);
const share = new Random(seed).shuffled(FAULTS.filter(({ tests }) => tests !== undefined)).slice(0, SHARE);
process.stdout.write(`mutations: seed ${seed}, ${share.map(({ name }) => name).join(', ')}\n`);

test.each(share)(
  'a test notices the fault $name',
  async (fault) => {
    const { caught, by } = await verdictOf(fault);
    expect({ fault: fault.name, caught, by }).toMatchObject({ caught: true });
  },
  300_000,
);
