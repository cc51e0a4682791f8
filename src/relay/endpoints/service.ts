/** GET /health and GET /metrics: the relay itself. */
import { jsonAnswer, textAnswer } from '../answer.ts';
import type { Endpoint } from './endpoint.ts';

/** For load balancers: no token, and nothing that a stranger should not know. */
export const readHealth: Endpoint = {
  operation: 'health',
  run: () => Promise.resolve(jsonAnswer(200, { status: 'ok' })),
};

export const readMetrics: Endpoint = {
  operation: 'metrics',
  async run({ context }) {
    const { type, text } = await context.meter.render();
    return textAnswer(text, type);
  },
};
