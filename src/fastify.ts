/**
 * The door `crmesh/fastify`: the relay as a plugin for fastify 5, beside other routes.
 *
 * Its routes take bodies raw in a scope of their own; its upgrade listener leaves foreign paths to others.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance, FastifyPluginAsync, HTTPMethods } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { ReplicationError } from './core/errors.ts';
import { errorAnswer } from './relay/answer.ts';
import { routeTable } from './relay/routes.ts';
import type { NodeRelay, RelayOptions } from './relay.ts';
import { createRelay } from './relay.ts';
import { refuseUpgrade } from './transport/node-upgrade.ts';

export type FastifyRelayOptions = RelayOptions;

declare module 'fastify' {
  interface FastifyInstance {
    /** The relay behind crmesh/fastify. */
    crmesh: NodeRelay;
  }
}

/** Tells listeners of relays from those of others. */
const SERVES: unique symbol = Symbol('paths that this relay serves');

const METHODS: HTTPMethods[] = ['GET', 'PUT', 'POST', 'OPTIONS'];
/** Below a prefix of our own nobody else has routes, so wrong methods get the relay's answer too. */
const OTHER_METHODS: HTTPMethods[] = ['DELETE', 'PATCH'];

const plugin: FastifyPluginAsync<FastifyRelayOptions> = async (app, options) => {
  const prefix = `${app.prefix.replace(/\/+$/, '')}${(options.prefix ?? '').replace(/\/+$/, '')}`;
  const relay = createRelay({ ...options, prefix });
  if (!app.hasDecorator('crmesh')) app.decorate('crmesh', relay);
  await app.register(async (scope) => {
    addRoutes(scope, relay, options);
  });
  const onUpgrade: UpgradeListener = (message, socket, head) => {
    const pathname = (message.url ?? '/').split('?')[0]!;
    if (relay.serves(pathname)) void relay.upgrade(message, socket, head);
    else if (isLeftToUs(app, onUpgrade, pathname)) refuseForeign(socket, pathname);
  };
  onUpgrade[SERVES] = (pathname) => relay.serves(pathname);
  app.server.on('upgrade', onUpgrade);
  // Before the server waits for its connections to end: streams and sockets never would by themselves.
  app.addHook('preClose', async () => {
    app.server.off('upgrade', onUpgrade);
    await relay.close();
  });
};

function addRoutes(scope: FastifyInstance, relay: NodeRelay, { routes, prefix }: FastifyRelayOptions): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
  const own = prefix === undefined || prefix === '' ? METHODS : [...METHODS, ...OTHER_METHODS];
  for (const { pattern } of routeTable(routes, prefix).patterns) {
    scope.route({
      method: own,
      url: pattern,
      exposeHeadRoute: false,
      handler: async (request, reply) => {
        reply.hijack();
        await relay.handle(request.raw, reply.raw, { address: request.ip });
      },
    });
  }
}

interface UpgradeListener {
  (message: IncomingMessage, socket: Duplex, head: Buffer): void;
  [SERVES]?: (pathname: string) => boolean;
}

/** Whether all who listen are relays, none of them has the path, and this one is the first: nobody else would answer. */
function isLeftToUs(app: FastifyInstance, own: UpgradeListener, pathname: string): boolean {
  const listeners = app.server.listeners('upgrade') as UpgradeListener[];
  return listeners[0] === own && listeners.every((listener) => listener[SERVES]?.(pathname) === false);
}

function refuseForeign(socket: Duplex, pathname: string): void {
  socket.on('error', () => socket.destroy());
  void refuseUpgrade(socket, errorAnswer(new ReplicationError('NO_ROUTE', `there is no socket at ${pathname}`)));
}

const relayPlugin: FastifyPluginAsync<FastifyRelayOptions> = fastifyPlugin(plugin, { fastify: '5.x', name: 'crmesh' });

export default relayPlugin;
