/** The database contract, in a worker. */
import { databaseContract } from '../../contract/database.contract.ts';
import { createWasmDriver } from './driver.ts';
import { reportTests } from './report.ts';

let count = 0;
databaseContract('in a browser worker', async () => ({
  driver: await createWasmDriver(),
  freshPath: () => `/file-${count++}.db`,
  persistent: true,
}));
reportTests();
