/** PUT /:dbid, POST and GET /:dbid/schema, GET /:dbid: databases and their schemas. */
import { coverageToJson } from '../../core/coverage.ts';
import { ReplicationError } from '../../core/errors.ts';
import type { ReplicaPort } from '../../replica/replica-port.ts';
import { jsonAnswer, textAnswer } from '../answer.ts';
import { assertDatabaseName } from '../database-name.ts';
import type { Migration } from '../directory.ts';
import type { Call } from '../relay-context.ts';
import { withDatabase } from '../relay-context.ts';
import { bodyKindOf, objectFromBody, textFromBody } from '../request-body.ts';
import type { Endpoint } from './endpoint.ts';

/** An existing database is left as it is. */
export const createDatabase: Endpoint = {
  operation: 'createDatabaseIfNotExists',
  async run(call) {
    assertMayChangeSchema(call);
    assertDatabaseName(call.dbid);
    const { schema } = await migrationOf(call);
    const lease = await call.context.directory.leaseOrCreate(call.dbid, schema);
    try {
      const { site, epoch, schemaHash } = factsOf(lease.replica);
      const outcome = lease.created ? 'created' : 'existed';
      return jsonAnswer(lease.created ? 201 : 200, { outcome, dbid: call.dbid, site, epoch, schemaHash });
    } finally {
      lease.release();
    }
  },
};

export const migrateDatabase: Endpoint = {
  operation: 'createOrMigrateDatabase',
  async run(call) {
    assertMayChangeSchema(call);
    assertDatabaseName(call.dbid);
    const migration = await migrationOf(call);
    const { outcome, steps } = await call.context.directory.migrate(call.dbid, migration);
    if (outcome !== 'refused') return jsonAnswer(200, { outcome, steps });
    throw new ReplicationError('SCHEMA_REFUSED', 'the schema cannot be reached without losing data: see steps', {
      steps,
    });
  },
};

export const describeDatabase: Endpoint = {
  operation: 'describeDatabase',
  async run(call) {
    assertMayRead(call);
    return withDatabase(call, ({ replica }) => {
      replica.flush();
      const changes = replica.store.countChanges();
      const coverage = coverageToJson(replica.store.coverage);
      return jsonAnswer(200, { dbid: call.dbid, ...factsOf(replica), changes, coverage });
    });
  },
};

export const getSchema: Endpoint = {
  operation: 'getSchema',
  async run(call) {
    assertMayRead(call);
    return withDatabase(call, ({ replica }) => textAnswer(replica.store.schema.text, 'text/plain; charset=utf-8'));
  },
};

/** Errors  FORBIDDEN. */
export function assertMayRead({ grant }: Call): void {
  if (grant.read === 'none') throw new ReplicationError('FORBIDDEN', 'the token does not allow reading this database');
}

function assertMayChangeSchema({ grant }: Call): void {
  if (!grant.schema) throw new ReplicationError('FORBIDDEN', 'the token does not allow changing schemas');
}

function factsOf({ store }: ReplicaPort): { site: string; epoch: string; schemaHash: string } {
  return { site: store.identity.site, epoch: store.identity.era, schemaHash: store.schema.hash };
}

async function migrationOf(call: Call): Promise<Migration> {
  const kind = bodyKindOf(call.request, ['text', 'json']);
  const body = await call.body(2 * call.context.limits.schemaBytesMax);
  const fields: Readonly<Record<string, unknown>> =
    kind === 'text' ? { schema: textFromBody(body) } : objectFromBody(body);
  const { schema, plan = false, allowDestructive = false } = fields;
  if (typeof schema !== 'string' || schema.trim() === '') {
    throw new ReplicationError('BAD_REQUEST', 'the schema is missing: send CREATE TABLE text, or {"schema": "..."}');
  }
  if (typeof plan !== 'boolean' || typeof allowDestructive !== 'boolean') {
    throw new ReplicationError('BAD_REQUEST', 'plan and allowDestructive are true or false');
  }
  return { schema, plan, allowDestructive };
}
