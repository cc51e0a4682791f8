/** Every transport keeps the laws of the frame port. */
import { framePortContract } from '../contract/frame-port.contract.ts';
import { browserWebSocketPair, httpPair, memoryPair, nodeWebSocketPair } from './pairs.ts';
import { broadcastPair, messagePortPair } from './posted-pairs.ts';

framePortContract('memory', memoryPair);
framePortContract('websocket of Node', nodeWebSocketPair);
framePortContract('websocket of browsers', browserWebSocketPair);
framePortContract('http session', httpPair);
framePortContract('message port', messagePortPair);
framePortContract('broadcast channel', broadcastPair);
