/** Links without a relay: the ends of a MessageChannel, and rooms on a BroadcastChannel. */
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import type { MeetingHandle } from '../../src/replica/peering.ts';
import type { Wired } from './wired.ts';
import { wire } from './wired.ts';

/** What the door of the tests wants to hear; a port needs none of it. */
const NOT_DIALLED = { dial: () => Promise.reject(new Error('a port is not dialled')) };
const open: Wired[] = [];
const wired = async (): Promise<Wired> => {
  const one = await wire();
  open.push(one);
  return one;
};

afterEach(async () => {
  for (const { db } of open.splice(0)) await db.close();
});

const insert = (one: Wired, id: string): Promise<unknown> =>
  one.db.exec('INSERT INTO todo (id, title) VALUES (?, ?)', [id, `of ${id}`]);

const rowsOf = (one: Wired): Promise<unknown[]> => one.db.query('SELECT * FROM todo ORDER BY id');

const gathered = (meeting: MeetingHandle, count: number): Promise<void> =>
  new Promise((resolve) => {
    const check = (members: number): void => {
      if (members === count) resolve();
    };
    meeting.onMembers(check);
    check(meeting.members);
  });

describe('a message port', () => {
  test('carries a session: both sides end equal, and a fresh port takes the place of a lost one', async () => {
    const [a, b] = [await wired(), await wired()];
    const ports: MessagePort[] = [];
    const link = a.db.sync(() => {
      const { port1, port2 } = new MessageChannel();
      ports.push(port2);
      b.db.accept(port2);
      return port1;
    }, NOT_DIALLED);
    await insert(a, 'a1');
    await insert(b, 'b1');
    await link.synced();
    expect(await rowsOf(a)).toEqual(await rowsOf(b));
    expect(link.status.mode).toBe('peer');
    ports[0]!.close();
    await insert(b, 'b2');
    const lost = new Promise((resolve) => link.on('live', resolve));
    await lost;
    await link.synced();
    expect(await rowsOf(a)).toHaveLength(3);
    expect(ports).toHaveLength(2);
  });

  test('a first frame that is no hello is refused with a code, and what is no port too', async () => {
    const a = await wired();
    const { port1, port2 } = new MessageChannel();
    const said: unknown[] = [];
    const ended = new Promise<void>((resolve) => {
      port1.addEventListener('message', ({ data }) => {
        said.push(data);
        if ('code' in (data as object)) resolve();
      });
    });
    port1.start();
    a.db.accept(port2);
    port1.postMessage({ frame: new Uint8Array([1, 2, 3]) });
    await ended;
    port1.close();
    expect(said.at(-1)).toMatchObject({ code: 4400 });
    expect(() => a.db.accept({} as MessagePort)).toThrowError(expect.objectContaining({ code: 'USAGE' }));
  });

  test('a port of another thread is taken as it is', async () => {
    const a = await wired();
    const script = `
      const { parentPort } = require('node:worker_threads');
      const { port1, port2 } = new MessageChannel();
      parentPort.postMessage(port1, [port1]);
      port2.onmessage = ({ data }) => { if (data.frame) parentPort.postMessage(data.frame.length); };`;
    const worker = new Worker(script, { eval: true });
    const heard = new Promise<number>((resolve) => {
      worker.on('message', (message) => {
        if (typeof message === 'number') return resolve(message);
        a.db.sync(() => message as MessagePort, NOT_DIALLED).on('error', () => undefined);
      });
    });
    expect(await heard).toBeGreaterThan(50);
    await worker.terminate();
  });
});

describe('a room', () => {
  test('three that meet end equal without a server, also with who comes late and goes', async () => {
    const room = `room ${Math.random()}`;
    const [a, b, c] = [await wired(), await wired(), await wired()];
    await insert(a, 'a1');
    await insert(b, 'b1');
    const [inA, inB] = [a.db.meet(room), b.db.meet(room)];
    await Promise.all([gathered(inA, 1), gathered(inB, 1)]);
    await Promise.all([inA.synced(), inB.synced()]);
    expect(await rowsOf(a)).toEqual(await rowsOf(b));
    await insert(c, 'c1');
    const inC = c.db.meet(room);
    await Promise.all([gathered(inA, 2), gathered(inC, 2)]);
    await Promise.all([inA.synced(), inB.synced(), inC.synced()]);
    for (const one of [a, b, c]) expect(await rowsOf(one)).toHaveLength(3);
    inB.close();
    await Promise.all([gathered(inA, 1), gathered(inC, 1)]);
    await insert(b, 'b2');
    await inA.synced();
    expect(await rowsOf(a)).toHaveLength(3);
    expect(inB.members).toBe(0);
  });

  test('two uses of one room by one database are one member; a room has a name', async () => {
    const room = `room ${Math.random()}`;
    const [a, b] = [await wired(), await wired()];
    const [one, two, other] = [a.db.meet(room), a.db.meet(room), b.db.meet(room)];
    await gathered(other, 1);
    one.close();
    await insert(b, 'b1');
    await gathered(two, 1);
    await two.synced();
    await other.synced();
    expect(await rowsOf(a)).toEqual(await rowsOf(b));
    two.close();
    await gathered(other, 0);
    expect(() => a.db.meet('')).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
