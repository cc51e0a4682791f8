/** The synchronous engine module of the package: an Emscripten factory, declared here because the package's own types are for its own API. */
declare module '@vlcn.io/wa-sqlite/dist/crsqlite-sync.mjs' {
  const factory: (settings: Record<string, unknown>) => Promise<unknown>;
  export default factory;
}
