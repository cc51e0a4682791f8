/** Routes: which path is which call; every one can be moved or switched off. */
import { ReplicationError } from '../core/errors.ts';

export type RouteName =
  | 'database'
  | 'schema'
  | 'changes'
  | 'stream'
  | 'image'
  | 'session'
  | 'socket'
  | 'health'
  | 'metrics';

/** Path patterns with :dbid and :sessionId; false = this call is not served. */
export type Routes = Readonly<Record<RouteName, string | false>>;

export const DEFAULT_ROUTES: Routes = {
  health: '/health',
  metrics: '/metrics',
  database: '/:dbid',
  schema: '/:dbid/schema',
  changes: '/:dbid/changes',
  stream: '/:dbid/stream',
  image: '/:dbid/image',
  session: '/:dbid/session/:sessionId',
  socket: '/:dbid/socket',
};

export interface RouteMatch {
  readonly route: RouteName;
  /** '' where the route has none. */
  readonly dbid: string;
  readonly sessionId: string;
}

interface CompiledRoute {
  readonly route: RouteName;
  readonly segments: readonly string[];
}

export interface RouteTable {
  /** Pattern of each served route, prefix included. */
  readonly patterns: readonly { readonly route: RouteName; readonly pattern: string }[];
  /** Errors  BAD_REQUEST for a path that is not decodable. */
  match(pathname: string): RouteMatch | undefined;
}

/**
 * Errors  USAGE for a pattern that does not begin with a slash, or lacks the parameters its call needs.
 */
export function routeTable(routes: Partial<Routes> = {}, prefix = ''): RouteTable {
  const base = prefix.replace(/\/+$/, '');
  const patterns = (Object.entries({ ...DEFAULT_ROUTES, ...routes }) as [RouteName, string | false][]).flatMap(
    ([route, pattern]) => (pattern === false ? [] : [{ route, pattern: `${base}${checkedPattern(route, pattern)}` }]),
  );
  const compiled = patterns.map(({ route, pattern }) => ({ route, segments: segmentsOf(pattern) }));
  return { patterns, match: (pathname) => firstMatch(compiled, segmentsOf(pathname)) };
}

function checkedPattern(route: RouteName, pattern: string): string {
  const needed =
    route === 'health' || route === 'metrics' ? [] : route === 'session' ? [':dbid', ':sessionId'] : [':dbid'];
  const segments = segmentsOf(pattern);
  if (!pattern.startsWith('/') || needed.some((name) => !segments.includes(name))) {
    throw new ReplicationError(
      'USAGE',
      `the route '${route}' is a path from / with ${needed.join(' and ') || 'no parameter'}`,
    );
  }
  return pattern;
}

function firstMatch(routes: readonly CompiledRoute[], path: readonly string[]): RouteMatch | undefined {
  for (const { route, segments } of routes) {
    if (segments.length !== path.length) continue;
    const values: Record<string, string> = { dbid: '', sessionId: '' };
    const fits = segments.every((segment, i) => {
      if (!segment.startsWith(':')) return segment === path[i];
      values[segment.slice(1)] = path[i]!;
      return path[i] !== '';
    });
    if (fits) return { route, dbid: decoded(values['dbid']!), sessionId: decoded(values['sessionId']!) };
  }
  return undefined;
}

/** One slash at the end does not make another path. */
function segmentsOf(path: string): string[] {
  return path.replace(/^\//, '').replace(/\/$/, '').split('/');
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new ReplicationError('BAD_REQUEST', 'the path has a % that is no escape');
  }
}
