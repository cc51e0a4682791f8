/** The lock of one database. */
import { describe, expect, test } from 'vitest';
import { TransactionLock } from '../../src/replica/transaction-lock.ts';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('transaction lock', () => {
  test('lets one holder in and the others in the order in which they came', async () => {
    const lock = new TransactionLock({ waitingMax: 10 });
    const log: string[] = [];
    const hold = (name: string): Promise<void> =>
      lock.run(async () => {
        log.push(`${name} in`);
        await tick();
        log.push(`${name} out`);
      });
    await Promise.all(['a', 'b', 'c'].map(hold));
    expect(log).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
  });

  test('a holder that throws gives its turn on', async () => {
    const lock = new TransactionLock({ waitingMax: 10 });
    const failing = lock.run(() => Promise.reject(new Error('no')));
    const next = lock.run(() => 'next');
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('next');
  });

  test('releasing twice does not let two in', async () => {
    const lock = new TransactionLock({ waitingMax: 10 });
    const release = await lock.acquire();
    const second = lock.acquire();
    const third = lock.acquire();
    release();
    release();
    await second;
    let thirdIn = false;
    void third.then(() => (thirdIn = true));
    await tick();
    expect(thirdIn).toBe(false);
  });

  test('refuses more waiting calls than its bound with UNAVAILABLE', async () => {
    const lock = new TransactionLock({ waitingMax: 1 });
    const release = await lock.acquire();
    const waiting = lock.acquire();
    await expect(lock.acquire()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    release();
    (await waiting)();
  });

  test('close lets the calls before it end and refuses those after it with CLOSED', async () => {
    const lock = new TransactionLock({ waitingMax: 10 });
    const log: string[] = [];
    const before = lock.run(async () => {
      await tick();
      log.push('before');
    });
    const closed = lock.close().then(() => log.push('closed'));
    const after = lock.run(() => log.push('after'));
    await expect(after).rejects.toMatchObject({ code: 'CLOSED' });
    await Promise.all([before, closed]);
    expect(log).toEqual(['before', 'closed']);
    await expect(lock.acquire()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('passes a long queue on in order', async () => {
    const lock = new TransactionLock({ waitingMax: 10_000 });
    const order: number[] = [];
    await Promise.all(Array.from({ length: 5_000 }, (_, i) => lock.run(() => order.push(i))));
    expect(order).toEqual(Array.from({ length: 5_000 }, (_, i) => i));
    expect(lock.waiting).toBe(0);
  });
});
