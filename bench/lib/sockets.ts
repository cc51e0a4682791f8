/** Bytes at this process's outgoing sockets, whoever opened them. */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

export interface SocketBytes {
  readonly received: number;
  readonly sent: number;
}

export class SocketMeter {
  readonly #open = new Set<Socket>();
  #received = 0;
  #sent = 0;

  constructor() {
    subscribe('net.client.socket', (message) => this.#watch((message as { readonly socket: Socket }).socket));
  }

  bytes(): SocketBytes {
    let [received, sent] = [this.#received, this.#sent];
    for (const socket of this.#open) {
      received += socket.bytesRead;
      sent += socket.bytesWritten;
    }
    return { received, sent };
  }

  #watch(socket: Socket): void {
    this.#open.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#received += socket.bytesRead;
      this.#sent += socket.bytesWritten;
    });
  }
}
