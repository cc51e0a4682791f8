/** What we use of msgpackr's build without generated code (a strict CSP forbids eval). */
declare module 'msgpackr/index-no-eval' {
  export interface PackrOptions {
    readonly useRecords?: boolean;
    readonly mapsAsObjects?: boolean;
    readonly variableMapSize?: boolean;
    readonly moreTypes?: boolean;
  }
  export class Packr {
    constructor(options?: PackrOptions);
    pack(value: unknown): Uint8Array;
    unpack(bytes: Uint8Array): unknown;
  }
}
