/** A WebSocket server on a free port of loopback. */
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

export function webSocketServer(): Promise<{ readonly server: WebSocketServer; readonly url: string }> {
  return new Promise((resolve) => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false }, () => {
      resolve({ server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` });
    });
  });
}
