/** The store's tests, in a worker. */
import '../../store/store.test.ts';
import '../../store/own-writes.test.ts';
import '../../store/merge.test.ts';
import '../../store/merge-fast.test.ts';
import '../../store/serve.test.ts';
import '../../store/schema.test.ts';
import '../../store/convergence.property.test.ts';
import { reportTests } from './report.ts';

reportTests();
