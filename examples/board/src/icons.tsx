/** Small drawings; each stands beside a text or in a button that has a name. */
import type { ReactNode } from 'react';

type Shape = 'back' | 'forward' | 'remove' | 'place' | 'waiting' | 'disk';

const shapes: Readonly<Record<Shape, ReactNode>> = {
  back: <path d="M10 3 5 8l5 5" />,
  forward: <path d="m6 3 5 5-5 5" />,
  remove: <path d="m4 4 8 8M12 4l-8 8" />,
  place: (
    <>
      <path d="M8 14.2S3.2 9.9 3.2 6.6a4.8 4.8 0 0 1 9.6 0c0 3.3-4.8 7.6-4.8 7.6Z" />
      <circle cx="8" cy="6.6" r="1.6" />
    </>
  ),
  waiting: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M8 5v3.2l2 1.3" />
    </>
  ),
  disk: (
    <>
      <ellipse cx="8" cy="4.2" rx="5" ry="2" />
      <path d="M3 4.2v7.6c0 1.1 2.2 2 5 2s5-.9 5-2V4.2M3 8c0 1.1 2.2 2 5 2s5-.9 5-2" />
    </>
  ),
};

export function Icon({ shape }: { readonly shape: Shape }): ReactNode {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
      {shapes[shape]}
    </svg>
  );
}
