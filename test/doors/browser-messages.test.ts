/** The channel between a page and the owner of its database. */
import { MessageChannel } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { channelOver } from '../../src/browser-messages.ts';

type Postable = Parameters<typeof channelOver>[0];

const { port1, port2 } = new MessageChannel();

afterEach(() => port1.close());

test('a message that its listener throws at does not take those after it along', async () => {
  const reported: unknown[] = [];
  const heard: string[] = [];
  const report = (error: unknown): void => void reported.push(error);
  const sender = channelOver<string, string>(port1 as unknown as Postable, { report });
  const receiver = channelOver<string, string>(port2 as unknown as Postable, { report });
  const failure = new RangeError('of the listener');
  const last = new Promise<void>((resolve) => {
    receiver.listen((message) => {
      if (message === 'bad') throw failure;
      heard.push(message);
      if (message === 'last') resolve();
    });
  });
  for (const message of ['first', 'bad', 'last']) sender.post(message);
  await last;
  expect(heard).toEqual(['first', 'last']);
  expect(reported).toEqual([failure]);
});
