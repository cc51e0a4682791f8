/** `crmesh relay`: serves the databases of a folder until it is told to stop. */
import { pino } from 'pino';
import { ReplicationError } from '../../core/errors.ts';
import type { Limits, Log, Upstream } from '../../relay.ts';
import { RelayServer, withPortAdvice, type RelayServerOptions } from '../relay-server.ts';
import { httpUrl, isUrl } from '../relay-http.ts';
import { readSchema } from '../schema-file.ts';
import { stopSignal } from '../stop-signal.ts';
import type { Terminal } from '../terminal.ts';

/** As the options are read. */
export interface RelayCommandOptions {
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  /** Path of a schema text. */
  readonly schema?: string;
  readonly token?: string;
  readonly peerToken?: string;
  readonly origin: readonly string[];
  readonly upstream: readonly string[];
  readonly upstreamToken: readonly string[];
  /** 'name=number' */
  readonly limit: readonly string[];
  readonly logLevel: string;
}

export async function relayCommand(terminal: Terminal, options: RelayCommandOptions): Promise<void> {
  checkTokens(options);
  checkHost(options);
  checkOrigins(options);
  const settings = settingsOf(options);
  const stop = stopSignal();
  try {
    const server = await RelayServer.listen(settings).catch((error: unknown) => {
      throw withPortAdvice(error);
    });
    terminal.result(
      { event: 'listening', url: server.url },
      () => `listening on ${server.url}, databases in ${options.dir}`,
    );
    // Beside whoever comes: it ends with the first caller.
    void server.warmUp();
    await stop.stopped;
    await server.close();
  } finally {
    stop.dispose();
  }
}

function settingsOf(options: RelayCommandOptions): RelayServerOptions {
  const { dir, host, port, schema, token, peerToken, origin, logLevel } = options;
  return {
    dir,
    host,
    port,
    origins: origin,
    upstreams: upstreamsOf(options),
    limits: limitsOf(options),
    log: logOf(logLevel),
    ...(isLoopback(host) ? {} : { hosts: 'any' as const }),
    ...(schema === undefined ? {} : { schema: readSchema(schema) }),
    ...(token === undefined ? {} : { token }),
    ...(peerToken === undefined ? {} : { peerToken }),
  };
}

/** An empty one is most often a variable that is not set: nobody could come in, or everybody is thought to need one. */
function checkTokens({ token, peerToken, upstreamToken }: RelayCommandOptions): void {
  const given = { '--token': token, '--peer-token': peerToken };
  const empty = Object.entries(given).find(([, value]) => value?.trim() === '')?.[0];
  const name = empty ?? (upstreamToken.some((value) => value.trim() === '') ? '--upstream-token' : undefined);
  if (name !== undefined) throw new ReplicationError('USAGE', `${name} is empty: give a token, or leave it out`);
}

function checkOrigins({ origin }: RelayCommandOptions): void {
  const wrong = origin.find((text) => text !== '*' && !(URL.canParse(text) && new URL(text).origin === text));
  if (wrong === undefined) return;
  throw new ReplicationError('USAGE', `--origin ${wrong} is no web origin: give one like https://app.example, or '*'`);
}

function checkHost({ host, token, peerToken }: RelayCommandOptions): void {
  if (isLoopback(host) || token !== undefined || peerToken !== undefined) return;
  const message = `--host ${host} is open to other machines: give --token (or CRMESH_TOKEN), or --peer-token`;
  throw new ReplicationError('USAGE', message);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function upstreamsOf({ upstream, upstreamToken }: RelayCommandOptions): readonly Upstream[] {
  if (upstreamToken.length > upstream.length) {
    throw new ReplicationError(
      'USAGE',
      '--upstream-token belongs to the --upstream of the same place: there are more tokens',
    );
  }
  return upstream.map((url, index) => {
    if (!isUrl(url)) throw new ReplicationError('USAGE', `--upstream ${url} is no URL: give ws://HOST:PORT or http://`);
    httpUrl(url);
    const token = upstreamToken[index];
    return token === undefined ? { url } : { url, token };
  });
}

/** Names and values are checked by the relay. */
function limitsOf({ limit }: RelayCommandOptions): Partial<Limits> {
  const pairs = limit.map((text) => {
    const [name = '', value = '', ...rest] = text.split('=');
    if (value.trim() === '' || rest.length > 0) {
      throw new ReplicationError('USAGE', `--limit ${text} is no NAME=NUMBER: give one like connectionsMax=100`);
    }
    return [name, Number(value)] as const;
  });
  return Object.fromEntries(pairs);
}

/** JSON lines on stderr. */
function logOf(level: string): Log {
  if (!['debug', 'info', 'warn', 'error', 'silent'].includes(level)) {
    throw new ReplicationError('USAGE', `--log-level ${level} is unknown: debug, info, warn, error or silent`);
  }
  return pino({ level, base: null }, pino.destination({ dest: 2, sync: true }));
}
