/** Changes a second, by path. */
export type MergeSpeeds = Readonly<
  Record<'mergeWhole' | 'mergeCells' | 'mergeKnown' | 'mergeEngine' | 'readStore' | 'readEngine', number>
>;
