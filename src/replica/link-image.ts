/** Looks for the image that a link offers its peer; whatever stands in the way, the peer gets rows. */
import { codedError } from '../core/errors.ts';
import type { ImageOffer } from '../wire/message.ts';
import type { HostedLink } from './link-host.ts';

export function findImage(link: HostedLink): void {
  const { host, options } = link;
  const found = (offer: ImageOffer | undefined): void => host.post(() => link.handle({ type: 'image-found', offer }));
  if (options.role !== 'server' || options.image === undefined) return found(undefined);
  const failed = (error: unknown): void => {
    const { code, message } = codedError(error);
    host.log.warn({ code, err: error, peer: link.peer }, `no image is offered: ${message}`);
    found(undefined);
  };
  options.image({ found, failed });
}
