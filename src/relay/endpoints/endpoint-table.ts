/** Which endpoint answers which method of which route. */
import type { RouteName } from '../routes.ts';
import { createDatabase, describeDatabase, getSchema, migrateDatabase } from './databases.ts';
import type { Endpoint } from './endpoint.ts';
import { feedSession, openSession, upgradeRequired } from './http-session.ts';
import { getImage } from './image.ts';
import { getChanges, startStream } from './pull-changes.ts';
import { applyChanges } from './push-changes.ts';
import { readHealth, readMetrics } from './service.ts';

export type Method = 'GET' | 'PUT' | 'POST';

export const ENDPOINTS: Readonly<Record<RouteName, Readonly<Partial<Record<Method, Endpoint>>>>> = {
  health: { GET: readHealth },
  metrics: { GET: readMetrics },
  database: { GET: describeDatabase, PUT: createDatabase },
  schema: { GET: getSchema, POST: migrateDatabase },
  changes: { GET: getChanges, POST: applyChanges },
  stream: { GET: startStream },
  image: { GET: getImage },
  session: { GET: openSession, POST: feedSession },
  socket: { GET: upgradeRequired },
};
