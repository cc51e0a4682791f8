/** A marker in memory: what lies beside a database file, kept, put back or lost as a test wants it. */
import type { IdentityMarker, Marker } from '../../src/store/identity-marker.ts';

export class MemoryMarker implements IdentityMarker {
  content: Marker | undefined;

  read(): Marker | undefined {
    return this.content;
  }

  write(marker: Marker): void {
    this.content = marker;
  }

  announce(announced: number): void {
    this.content = { ...this.content!, announced };
  }

  closed(): void {}
}
