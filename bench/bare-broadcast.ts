/** The floor of fan-out: a process that sends every frame it gets to all other sockets, with no database. */
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false }, () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ url: `ws://127.0.0.1:${port}` })}\n`);
});

server.on('connection', (socket) => {
  socket.on('message', (frame, isBinary) => {
    for (const other of server.clients) if (other !== socket) other.send(frame, { binary: isBinary });
  });
});
process.on('SIGTERM', () => process.exit(0));
