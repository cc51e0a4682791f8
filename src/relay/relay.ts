/**
 * A relay: many replicas behind Request -> Response and sockets. Platform-free; the door crmesh/relay gives it files,
 * a clock and real sockets.
 *
 * Every request passes the same steps: Host and Origin, route, method, token, authorize hook, endpoint. Whatever goes
 * wrong is answered with a coded body; fetch() never rejects.
 */
import type { ReplicationError } from '../core/errors.ts';
import { codedError, ReplicationError as CodedError } from '../core/errors.ts';
import { CLOSE_GOING_AWAY } from '../transport/close-code.ts';
import type { FramePort } from '../transport/frame-port.ts';
import { SUBPROTOCOL, subprotocolsOfHeader } from '../transport/subprotocol.ts';
import { grantOf } from './access.ts';
import { errorAnswer } from './answer.ts';
import { assertDatabaseName } from './database-name.ts';
import type { Endpoint } from './endpoints/endpoint.ts';
import type { Method } from './endpoints/endpoint-table.ts';
import { ENDPOINTS } from './endpoints/endpoint-table.ts';
import type { OriginPolicy } from './origin.ts';
import { assertOriginAllowed, corsHeaders, preflightAnswer } from './origin.ts';
import type { Call, RelayContext } from './relay-context.ts';
import { readBody } from './request-body.ts';
import { tokenOfRequest } from './request-token.ts';
import type { RouteMatch, RouteTable } from './routes.ts';
import { serveSession } from './sockets.ts';
import type { WarmUpParts } from './warm-up.ts';
import { warmUp } from './warm-up.ts';

export interface RequestInfo {
  /** The caller's address as the server sees it. */
  readonly address?: string;
}

/** A socket that may be opened; it counts as a connection until leave(). */
export interface Admission {
  /** Takes the open port over. */
  accept(port: FramePort): void;
  /** The connection is gone, or never came about. */
  leave(): void;
}

export interface RelayParts {
  readonly context: RelayContext;
  readonly origins: OriginPolicy;
  readonly routes: RouteTable;
  readonly storage: WarmUpParts['storage'];
}

export class Relay {
  readonly #context: RelayContext;
  readonly #origins: OriginPolicy;
  readonly #routes: RouteTable;
  readonly #storage: WarmUpParts['storage'];
  #warming: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor({ context, origins, routes, storage }: RelayParts) {
    this.#context = context;
    this.#origins = origins;
    this.#routes = routes;
    this.#storage = storage;
  }

  /** Whether a path is one of this relay's, whatever the method. */
  serves(pathname: string): boolean {
    try {
      return this.#routes.match(pathname) !== undefined;
    } catch {
      return false;
    }
  }

  async fetch(request: Request, info: RequestInfo = {}): Promise<Response> {
    let cors: Record<string, string> = {};
    let operation = 'none';
    try {
      assertOriginAllowed(request, this.#origins);
      cors = corsHeaders(request);
      const { match, endpoint } = this.#endpointOf(request);
      operation = endpoint?.operation ?? 'preflight';
      const answer =
        endpoint === undefined ? preflightAnswer(request) : await this.#run(request, info, match, endpoint);
      return this.#counted(withHeaders(answer, cors), operation);
    } catch (error) {
      const coded = codedError(error);
      this.#report(request, coded);
      return this.#counted(withHeaders(errorAnswer(coded), cors), operation);
    }
  }

  /**
   * Checks an upgrade before it happens: 401 comes before the socket, never silence.
   *
   * Errors  what errorAnswer() then says: FORBIDDEN, NO_ROUTE, UNAUTHORIZED, WIRE_VERSION for a client that does not
   *         ask for subprotocol crmesh.v1, RATE_LIMITED.
   */
  async admit(request: Request, info: RequestInfo = {}): Promise<Admission> {
    try {
      if (this.#closing !== undefined) throw shuttingDown();
      assertOriginAllowed(request, this.#origins);
      const match = this.#matchOf(request);
      if (match.route !== 'database' && match.route !== 'socket') {
        throw new CodedError('NO_ROUTE', 'sockets are opened at /:dbid or /:dbid/socket');
      }
      const call = await this.#authorized(request, info, match, 'socket');
      if (!subprotocolsOfHeader(request.headers.get('sec-websocket-protocol')).includes(SUBPROTOCOL)) {
        throw new CodedError('WIRE_VERSION', `ask for the subprotocol ${SUBPROTOCOL}`);
      }
      const leave = this.#context.connections.enter(info.address);
      return { leave, accept: (port) => void serveSession(this.#context, port, call) };
    } catch (error) {
      this.#report(request, codedError(error));
      throw error;
    }
  }

  /** Opens the databases that are there, so that their own links run before anybody calls. Never throws. */
  wake(): Promise<void> {
    return this.#context.directory.openAll();
  }

  /** Compiles what the first callers will need, until one has come. Never throws. Idempotent. */
  warmUp(): Promise<void> {
    this.#warming ??= this.#warmUp();
    return this.#warming;
  }

  /** Ends streams and sessions, closes every database; requests that come later are UNAVAILABLE. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #warmUp(): Promise<void> {
    const { codec, runtime, limits, directory, log } = this.#context;
    const isOver = (): boolean => this.#closing !== undefined || directory.openCount > 0;
    try {
      await warmUp({ storage: this.#storage, codec, runtime, limits, isOver });
    } catch (error) {
      log.warn(
        { code: codedError(error).code, err: error },
        'the relay could not warm up: its first callers wait longer',
      );
    }
  }

  async #close(): Promise<void> {
    await this.#warming;
    const { streams, sessions, directory } = this.#context;
    for (const close of [...streams]) close();
    await directory.close();
    sessions.closeAll(CLOSE_GOING_AWAY, 'CLOSED');
  }

  #endpointOf(request: Request): { match: RouteMatch; endpoint: Endpoint | undefined } {
    if (this.#closing !== undefined) throw shuttingDown();
    const match = this.#matchOf(request);
    if (request.method === 'OPTIONS') return { match, endpoint: undefined };
    const byMethod = ENDPOINTS[match.route];
    const endpoint = byMethod[request.method as Method];
    if (endpoint !== undefined && Object.hasOwn(byMethod, request.method)) return { match, endpoint };
    const allow = [...Object.keys(byMethod), 'OPTIONS'].join(', ');
    throw new CodedError('METHOD_NOT_ALLOWED', `use ${allow} here`, { allow });
  }

  #matchOf(request: Request): RouteMatch {
    const { pathname } = new URL(request.url);
    const match = this.#routes.match(pathname);
    if (match === undefined) throw new CodedError('NO_ROUTE', `there is nothing at ${pathname}`);
    return match;
  }

  async #run(request: Request, info: RequestInfo, match: RouteMatch, endpoint: Endpoint): Promise<Response> {
    const call = await this.#authorized(request, info, match, endpoint.operation);
    const { bodies } = this.#context;
    let held = 0;
    const take = (bytes: number): void => {
      bodies.take(bytes);
      held += bytes;
    };
    try {
      return await endpoint.run({ ...call, body: (bytesMax) => readBody(request, bytesMax, take) });
    } finally {
      bodies.give(held);
    }
  }

  async #authorized(
    request: Request,
    { address }: RequestInfo,
    { dbid, sessionId }: RouteMatch,
    operation: Endpoint['operation'],
  ): Promise<Omit<Call, 'body'>> {
    const context = this.#context;
    const { headers } = request;
    const token = tokenOfRequest(request);
    const caller = { dbid, token, address, headers };
    const access = { ...caller, operation, dbid: dbid === '' ? undefined : dbid, site: undefined };
    if (operation !== 'health' && operation !== 'metrics') assertDatabaseName(dbid);
    const grant = operation === 'health' ? NOTHING : await grantOf(context.authorize, access, context.log);
    return { ...caller, grant, context, request, url: new URL(request.url), sessionId };
  }

  #report(request: Request, error: ReplicationError): void {
    const { code, level, cause } = error;
    const path = new URL(request.url).pathname;
    const fields = { code, method: request.method, path, ...(cause === undefined ? {} : { err: cause }) };
    this.#context.log[level](fields, error.message);
  }

  #counted(answer: Response, operation: string): Response {
    this.#context.meter.count('crmesh_requests_total', { operation, status: String(answer.status) });
    return answer;
  }
}

function shuttingDown(): ReplicationError {
  return new CodedError('UNAVAILABLE', 'this relay is shutting down: try again soon');
}

const NOTHING = { read: 'none', write: 'none', schema: false, mode: 'leaf', vouch: false } as const;

function withHeaders(answer: Response, headers: Record<string, string>): Response {
  for (const [name, value] of Object.entries(headers)) answer.headers.set(name, value);
  return answer;
}
