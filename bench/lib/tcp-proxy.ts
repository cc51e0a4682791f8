/** Something in the way between a client and its server: a wire that is slow, or that breaks once. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';

export interface TcpProxy {
  /** The address with the proxy in the place of the server. */
  readonly address: string;
  close(): Promise<void>;
}

/** Everything arrives `delayMs` later, each way: one round trip takes twice as long. */
export function delayingProxy(address: string, delayMs: number): Promise<TcpProxy> {
  return startProxy(address, () => new Delay(delayMs));
}

/** The connection breaks when so many bytes have come from the server; the ones after it live. */
export function breakingProxy(address: string, bytes: number): Promise<TcpProxy> {
  let left = bytes;
  return startProxy(address, (break_) => {
    return new Transform({
      transform(piece: Buffer, _encoding, done) {
        const isTheOne = left > 0 && left <= piece.length;
        left -= piece.length;
        if (isTheOne) break_();
        else done(null, piece);
      },
    });
  });
}

/** Passes pieces on in their order, each a while after it came. */
class Delay extends Transform {
  readonly #delayMs: number;

  constructor(delayMs: number) {
    super({ highWaterMark: 64 << 20 });
    this.#delayMs = delayMs;
  }

  override _transform(piece: Buffer, _encoding: string, done: () => void): void {
    setTimeout(() => this.push(piece), this.#delayMs);
    done();
  }

  override _flush(done: () => void): void {
    setTimeout(done, this.#delayMs);
  }
}

/** `wayBack` makes what each connection's answers go through; delays go both ways. */
async function startProxy(address: string, wayBack: (break_: () => void) => Transform): Promise<TcpProxy> {
  const { port } = new URL(address);
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), '127.0.0.1');
    const break_ = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      open.add(socket);
      socket.setNoDelay(true);
      socket.on('error', break_).on('close', () => open.delete(socket));
    }
    // What the server said last is still on its way when its end has closed.
    near.on('close', break_);
    const back = wayBack(break_);
    const forth = back instanceof Delay ? wayBack(break_) : undefined;
    if (forth === undefined) near.pipe(far);
    else near.pipe(forth).pipe(far);
    far.pipe(back).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const opened = server.address() as AddressInfo;
  return { address: address.replace(`:${port}`, `:${opened.port}`), close: () => closeAll(server, open) };
}

async function closeAll(server: Server, open: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  for (const socket of open) socket.destroy();
  await closed;
}
