/** Asks the process that holds a file, through the control socket that its lock file names. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { isReplicationError, ReplicationError } from '../core/errors.ts';
import { readLine } from './control-line.ts';
import { controlResultFrom, type ControlRequest } from './control-message.ts';

/**
 * The address of the holder's control socket, if `error` is FILE_LOCKED by a process that has one.
 */
export function controlAddressOf(error: unknown): string | undefined {
  if (!isReplicationError(error, 'FILE_LOCKED')) return undefined;
  const { note } = error.details;
  return typeof note === 'string' && note !== '' ? note : undefined;
}

/** Errors  what the holder throws; UNAVAILABLE when nobody listens there any more. */
export async function askHolder(address: string, request: ControlRequest): Promise<unknown> {
  const socket = connect(address);
  try {
    await once(socket, 'connect');
  } catch (cause) {
    const message = 'the process that holds the file does not listen on its control socket: stop it, or try again';
    throw new ReplicationError('UNAVAILABLE', message, {}, { cause });
  }
  socket.write(`${JSON.stringify(request)}\n`);
  try {
    return controlResultFrom(await readLine(socket));
  } finally {
    socket.destroy();
  }
}
