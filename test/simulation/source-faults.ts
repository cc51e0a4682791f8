/**
 * Faults: each takes one rule out of the sources, so that the simulation can prove that it would notice its loss.
 *
 * A fault is a patch that is applied while the simulator is bundled; the sources themselves hold no switches. Each
 * `find` stands exactly once in its file, which a test checks.
 */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface SourceFault extends Patch {
  readonly name: string;
  /** The rule that is broken, in words. */
  readonly rule: string;
  /** Further places that must change together. */
  readonly also?: readonly Patch[];
}

export function patchesOf({ file, find, replace, also }: SourceFault): readonly Patch[] {
  return [{ file, find, replace }, ...(also ?? [])];
}

export const SOURCE_FAULTS: readonly SourceFault[] = [
  {
    name: 'no-tie-break',
    rule: 'of equal writes the one of the larger site stands',
    file: 'src/store/merge-row.ts',
    find: 'winTie(this.#context, row',
    replace: '((..._: unknown[]) => false)(this.#context, row',
  },
  {
    name: 'no-key-repair',
    rule: 'a moved primary key is refused, and repaired where another tool moved it',
    file: 'src/store/own-writes.ts',
    find: 'repairMovedKeys(context, table, from);',
    replace: '{}',
    also: [
      { file: 'src/store/guard-trigger.ts', find: 'WHEN crsql_internal_sync_bit() = 0 AND', replace: 'WHEN 0 AND' },
    ],
  },
  {
    name: 'book-claimed-only',
    rule: 'every apply is booked, early chunks too',
    file: 'src/store/merge.ts',
    find: 'run.booked.push(part);',
    replace: '{ if (claimed) run.booked.push(part); }',
  },
  {
    name: 'want-claims-entries',
    rule: 'a want is answered with exact claims, not with the union of the entries it meets',
    file: 'src/store/want.ts',
    find: 'span: hull, claims, rows };',
    replace: 'span: hull, claims: rangeSetFromRanges(met.map((entry) => entry.span)), rows };',
  },
  {
    name: 'engine-counter',
    rule: 'announced up to the stored maximum, never to the counter of the engine',
    file: 'src/store/own-writes.ts',
    find: 'clocks.storedMax();',
    replace: "numberOf(connection.prepare('SELECT crsql_db_version()').get()?.[0]);",
  },
  {
    name: 'commit-normal',
    rule: 'what leaves was made durable before; acknowledged after the sync',
    file: 'src/store/transaction.ts',
    find: "connection.setDurability('full');",
    replace: "connection.setDurability('normal');",
  },
  {
    name: 'claims-over-parked',
    rule: 'claims that meet the span of a parked change wait',
    file: 'src/store/knowledge.ts',
    find: "this.ranges('parkedSpans', site);",
    replace: 'emptyRangeSet;',
  },
  {
    name: 'parked-unbooked',
    rule: 'changes applied from the parking place are booked too',
    file: 'src/store/parked.ts',
    find: 'if (after > knowledge.storedMax) {',
    replace: 'if (after < 0) {',
  },
  {
    name: 'earlier-life-kept',
    rule: 'a merged resurrection ends the cells of the life before',
    file: 'src/store/merge-row.ts',
    find: 'endEarlierLife(this.#context, row);',
    replace: '{}',
  },
  {
    name: 'fold-narrow',
    rule: 'folded book entries become one hull',
    file: 'src/store/book.ts',
    find: 'Math.min(...entries.map(({ window }) => window[0]))',
    replace: 'Math.max(...entries.map(({ window }) => window[0]))',
  },
  {
    name: 'refill-span-narrow',
    rule: 'the span of refill rows is the hull of all entries above the cursor',
    file: 'src/store/book.ts',
    find: 'SELECT min(lo), max(hi) FROM crmesh_book WHERE site = ? AND lmax > ?',
    replace: 'SELECT lo, hi FROM crmesh_book WHERE site = ? AND lmax > ? ORDER BY lmax DESC LIMIT 1',
  },
  {
    name: 'value-type-lost',
    rule: 'values keep their exact type: REAL 5.0 is not INTEGER 5',
    file: 'src/store/clock-read.ts',
    find: 'const val = row[7] ?? null;',
    replace:
      "const stored = row[7] ?? null; const val = stored !== null && typeof stored === 'object' && 'value' in stored ? (stored.value as number) : stored;",
  },
  {
    name: 'merge-before-flush',
    rule: 'own writes are announced before anything is merged',
    file: 'src/replica/replica.ts',
    find: 'if (!this.#flushOrWait()) return;',
    replace: 'if (this.#inbox.length === 0 && !this.#flushOrWait()) return;',
    also: [
      {
        file: 'src/store/store.ts',
        find: 'invariant(!this.hasUnflushedWrites,',
        replace: '((..._: unknown[]) => {})(this.hasUnflushedWrites,',
      },
    ],
  },
  {
    name: 'transaction-torn',
    rule: 'a source transaction arrives in one commit',
    file: 'src/replica/replica.ts',
    find: 'new Inbox(options.limits.groupChangesMax)',
    replace: 'new Inbox(1)',
  },
  {
    name: 'mark-without-from',
    rule: 'a mark is taken only where it joins what was taken before',
    file: 'src/session/intake.ts',
    find: 'window.from <= cursor.at && window.n === intake.n;',
    replace: "(window.type === 'mark' || (window.from <= cursor.at && window.n === intake.n));",
  },
  {
    name: 'window-any-number',
    rule: 'a window is taken only with the next number',
    file: 'src/session/intake.ts',
    find: 'window.from <= cursor.at && window.n === intake.n;',
    replace: 'window.from <= cursor.at;',
  },
  {
    name: 'window-anywhere',
    rule: 'a window is taken only where it joins what was taken before',
    file: 'src/session/intake.ts',
    find: 'window.from <= cursor.at && window.n === intake.n;',
    replace: 'true;',
  },
  {
    name: 'mark-for-group',
    rule: 'a group that held parts of another link is a window for this one',
    file: 'src/replica/commit.ts',
    find: 'fromPeer: delivered?.[i] === true',
    replace: 'fromPeer: delivered?.includes(true) === true',
  },
  {
    name: 'windows-thinned',
    rule: 'a window holds every change, whether or not it grew what is held',
    file: 'src/replica/commit.ts',
    find: 'if (result.changedByPart[j] !== true) return;',
    replace: 'if (result.changedByPart[j] !== true || !result.growth.has(body.site)) return;',
  },
  {
    name: 'early-claims',
    rule: 'early pieces of a refill carry no claims',
    file: 'src/replica/link-reads.ts',
    find: 'piece.last ? growth.claimsFor(store.coverage, claimNumber, digest) : emptyCoverage',
    replace: 'growth.claimsFor(store.coverage, claimNumber, digest)',
    also: [
      {
        file: 'src/session/feed.ts',
        find: 'piece.last && !read.feed.once ? claimsForPeer(read, piece.claims) : emptyCoverage',
        replace: 'claimsForPeer(read, piece.claims)',
      },
    ],
  },
  {
    name: 'live-claims-lost',
    rule: 'live windows carry what the commit added',
    file: 'src/session/feed.ts',
    find: 'claimsForPeer(state, commit.growth)',
    replace: 'emptyCoverage',
  },
  {
    name: 'out-of-step',
    rule: 'a commit is passed on live only from the position just before it',
    file: 'src/session/feed.ts',
    find: 'const inStep = feed.at === commit.before && feed.claimNumber === commit.claimsBefore;',
    replace: 'const inStep = true;',
  },
  {
    name: 'echo-to-deliverer',
    rule: 'nothing goes back to the peer that delivered it',
    file: 'src/session/feed.ts',
    find: '!fromPeer && blob.body.site !== peerSite',
    replace: 'blob.body.site !== peerSite',
  },
  {
    name: 'echo-to-author',
    rule: 'nothing goes back to the site that wrote it',
    file: 'src/replica/link-reads.ts',
    find: 'without: [without],',
    replace: 'without: [],',
  },
  {
    name: 'ack-up-to',
    rule: 'an acknowledgement is range sets, never "up to"',
    file: 'src/store/store.ts',
    find: 'return { held: within(held),',
    replace: 'return { held: within(held.length === 0 ? held : [[0, held[held.length - 1]![1]]]),',
  },
  {
    name: 'empty-claim-grows',
    rule: 'an empty range is never counted as growth',
    file: 'src/store/merge.ts',
    find: 'if (news.length > 0) growth.set(site, news);',
    replace: 'growth.set(site, news);',
  },
  {
    name: 'no-resend',
    rule: 'parts without an answer are sent again',
    file: 'src/session/upload.ts',
    find: 'now - upload.progressAt >= limits.silenceMs;',
    replace: 'now - upload.progressAt >= Infinity * limits.silenceMs;',
  },
  {
    name: 'no-beat-check',
    rule: 'a beat shows that the last frame was lost',
    file: 'src/session/intake.ts',
    find: 'if (behind) return pull(state, now);',
    replace: 'if (behind) return stay(state);',
  },
  {
    name: 'no-repeated-pull',
    rule: 'a pull without an answer is repeated',
    file: 'src/session/intake.ts',
    find: "intake.state === 'pulling' && now - intake.pulledAt >= limits.beatMs",
    replace: "intake.state === 'pulling' && now - intake.pulledAt >= Infinity * limits.beatMs",
  },
  {
    name: 'mark-behind-failure',
    rule: 'a mark behind an input that was not taken moves no cursor',
    file: 'src/replica/group-merge.ts',
    find: 'const result = results.get(entry) ?? ended.get(cursor.peer);',
    replace: 'const result = results.get(entry);',
  },
  {
    name: 'pieces-go-on',
    rule: 'after a piece that was not taken, the others of its input are dropped',
    file: 'src/replica/inbox.ts',
    find: 'pieces.ended = true;',
    replace: '{}',
  },
  {
    name: 'inbox-outlives-session',
    rule: 'what a closed session queued is dropped',
    file: 'src/replica/replica.ts',
    find: 'this.#inbox.dropFrom(link);',
    replace: '{}',
  },
  {
    name: 'no-era',
    rule: 'every open starts an era',
    file: 'src/store/open-store.ts',
    find: '? previous : newEraNonce(randomBytes);',
    replace: '? previous : (previous ?? newEraNonce(randomBytes));',
  },
];
