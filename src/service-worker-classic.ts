/**
 * The door `crmesh/service-worker-classic`: crmesh/service-worker for a classic script. Its file has everything in it;
 * `importScripts` of it makes the global `crmesh`.
 */
import { isReplicationError, open, Real, real, ReplicationError } from './service-worker.ts';

Object.assign(globalThis, { crmesh: { open, isReplicationError, ReplicationError, real, Real } });
