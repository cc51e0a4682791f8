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

test('a message that cannot be cloned stays behind alone, and its sender hears of it', async () => {
  const channel = new MessageChannel();
  const reported: unknown[] = [];
  const report = (error: unknown): void => void reported.push(error);
  const sender = channelOver<unknown, unknown>(channel.port1 as unknown as Postable, { report });
  const receiver = channelOver<unknown, unknown>(channel.port2 as unknown as Postable, { report });
  const heard: unknown[] = [];
  const notSent: unknown[] = [];
  sender.listen(
    () => undefined,
    (message) => notSent.push(message),
  );
  const culprit = { of: () => 'a function' };
  const last = new Promise<void>((resolve) => {
    receiver.listen((message) => {
      heard.push(message);
      if (message === 'last') resolve();
    });
  });
  for (const message of ['first', culprit, 'last']) sender.post(message);
  // Nobody listens there for what was not sent.
  receiver.post(culprit);
  await last;
  channel.port1.close();
  expect(heard).toEqual(['first', 'last']);
  expect(notSent).toEqual([culprit]);
  expect(reported).toMatchObject([{ name: 'DataCloneError' }]);
});
