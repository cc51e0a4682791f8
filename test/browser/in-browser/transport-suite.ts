/** The laws of the frame port, in a worker. */
import { framePortContract } from '../../contract/frame-port.contract.ts';
import { broadcastPair, messagePortPair } from '../../transport/posted-pairs.ts';
import { reportTests } from './report.ts';

framePortContract('message port', messagePortPair);
framePortContract('broadcast channel', broadcastPair);
reportTests();
