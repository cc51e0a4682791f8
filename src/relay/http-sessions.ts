/** Sessions over HTTP that are open, by id. An id is random and chosen by the client; it is not a secret on its own. */
import { ReplicationError } from '../core/errors.ts';
import { CLOSE_LOST } from '../transport/close-code.ts';
import type { HttpSessionPort } from '../transport/http-session.ts';

export interface HttpSession {
  readonly port: HttpSessionPort;
  readonly dbid: string;
  readonly token: string | undefined;
}

const ID_FORM = /^[A-Za-z0-9_-]{16,64}$/;

export class HttpSessions {
  readonly #sessions = new Map<string, HttpSession>();

  get count(): number {
    return this.#sessions.size;
  }

  /** Errors  BAD_REQUEST for an id that is malformed or in use. */
  add(id: string, session: HttpSession): void {
    if (!ID_FORM.test(id)) {
      throw new ReplicationError(
        'BAD_REQUEST',
        'a session id is 16 to 64 letters, digits, "_" or "-": choose at random',
      );
    }
    if (this.#sessions.has(id)) throw new ReplicationError('BAD_REQUEST', 'this session is open: choose another id');
    this.#sessions.set(id, session);
  }

  /** Errors  SESSION_PROTOCOL when there is none; FORBIDDEN when somebody else opened it. */
  get(id: string, caller: { readonly dbid: string; readonly token: string | undefined }): HttpSession {
    const session = this.#sessions.get(id);
    if (session === undefined) {
      throw new ReplicationError('SESSION_PROTOCOL', 'there is no such session: open it with GET first');
    }
    if (session.dbid !== caller.dbid || session.token !== caller.token) {
      throw new ReplicationError('FORBIDDEN', 'this session was opened by another caller');
    }
    return session;
  }

  delete(id: string): void {
    this.#sessions.delete(id);
  }

  /** At once: for what is read slowly nobody waits. */
  closeAll(code: number, reason: string): void {
    for (const { port } of [...this.#sessions.values()]) {
      port.close(code, reason);
      port.close(CLOSE_LOST, reason);
    }
  }
}
