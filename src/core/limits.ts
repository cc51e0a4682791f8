/**
 * Every bound of crmesh, with the default an owner may change: open(), createRelay() and `crmesh relay --limit`.
 * The table of all of them, with the code of each refusal, stands in PROTOCOL.md.
 */
import { ReplicationError } from './errors.ts';

/** Bytes and milliseconds are named in the key. */
export interface Limits {
  /** One frame on a transport; bigger messages are cut into chunks. */
  readonly frameBytesMax: number;
  /** One message put together from chunks. */
  readonly messageBytesMax: number;
  /** Changes merged in one local transaction (a group of parts), and of a source transaction that is kept whole. */
  readonly groupChangesMax: number;
  /** Changes read for one refill piece. */
  readonly pieceChangesMax: number;
  /** Bytes of keys and values read for one refill piece. */
  readonly pieceBytesMax: number;
  /** Changes in one message that a peer sends us. */
  readonly partChangesMax: number;
  /** Bytes of data messages a peer may send before we grant more. */
  readonly creditBytes: number;
  /** Bytes a transport may hold unsent before its link leaves the live set. */
  readonly bufferedBytesMax: number;
  /** Bytes of answers sent to a peer beyond that, before its link ends. Credit bounds what it sends, not what it is told. */
  readonly unreadAnswerBytesMax: number;
  /** What all links of a relay (or of one replica) hold: frames and messages that wait, lacking a chunk or not, what is unsent. */
  readonly linksBytesMax: number;
  /** Received and not yet applied messages of one link. */
  readonly inboxMessagesMax: number;
  /** Reads of the store that a link may have waiting: its peer's questions and its own. */
  readonly linkReadsMax: number;
  /** Claim growth kept in memory so that a link that catches up gets a difference. */
  readonly growthLogMax: number;
  /** Parked changes a replica keeps before it stops the link. */
  readonly parkedChangesMax: number;
  /** Entries that the book of a site, and the own book, may have before the oldest half is folded. */
  readonly bookEntriesMax: number;
  /** Openings remembered: a cursor of an older one is answered with a refill from the start. */
  readonly erasMax: number;
  /** Time for hello and welcome. */
  readonly handshakeMs: number;
  /** A beat is sent after this long without another frame. */
  readonly beatMs: number;
  /** A link that stays silent this long is dead. */
  readonly silenceMs: number;
  /** First and longest wait before a link is tried again. */
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  /** The longest wait before a retry that a peer may ask for. */
  readonly retryAfterMsMax: number;
  /** New site ids that one run of a replica takes because of what peers say: more is an attack, and ends the link. */
  readonly siteChangesMax: number;
  /** Links of one replica. */
  readonly linksMax: number;
  /** A user transaction that holds the database longer is rolled back. */
  readonly transactionMsMax: number;
  /** A user statement that runs longer is aborted; Infinity = never. */
  readonly queryMsMax: number;
  /** Calls that wait for the database while a transaction holds it. */
  readonly waitingCallsMax: number;
  /** Live queries of one database. */
  readonly watchesMax: number;
  /** Highest col_version and cl that a leaf may set at once, and how far above what is held it may go beyond that. */
  readonly colVersionMax: number;
  readonly causalLengthMax: number;
  readonly versionStepMax: number;
  /** Highest seq a peer may send. */
  readonly seqMax: number;
  /** Ranges in one range set that a peer sends, and sites in one coverage. */
  readonly rangesMax: number;
  readonly sitesMax: number;
  /** Sites that a relay knows the key of, over all its databases: each is a line of a file, and in memory. */
  readonly siteKeysMax: number;
  /** Depth and items of a decoded control message. */
  readonly controlDepthMax: number;
  readonly controlItemsMax: number;
  /** Replicated tables (the engine breaks at 500), columns of one (an UPDATE fails at 64), bytes of one value and of a schema text. */
  readonly tablesMax: number;
  readonly columnsMax: number;
  readonly valueBytesMax: number;
  readonly packedKeyBytesMax: number;
  readonly schemaBytesMax: number;
  /** HTTP request body, and all bodies and unread pages that a relay holds at the same time. */
  readonly bodyBytesMax: number;
  readonly bodiesBytesMax: number;
  /** Default and highest `limit` of GET changes. */
  readonly pageChanges: number;
  readonly pageChangesMax: number;
  /** SSE comment heartbeat. */
  readonly streamBeatMs: number;
  /** Bytes of one database file: a database that is full takes no more, and leaves the disk to the others. */
  readonly databaseBytesMax: number;
  /** Databases that a relay has in all: callers that may make some are refused beyond. */
  readonly databasesMax: number;
  /** Open databases of a relay, and how long an unused one stays open. */
  readonly databasesOpenMax: number;
  readonly databaseIdleMs: number;
  /** Connections of a relay, in all and from one address. */
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** Changes from which on a first sync goes by image: fewer are merged as fast. */
  readonly imageChangesMin: number;
  /** A compressed image with more than so many times the bytes of the rows is not offered. */
  readonly imageRatioMax: number;
  /** Bytes of an image that is taken, compressed and inflated; bytes of compressed images that a relay keeps. */
  readonly imageBytesMax: number;
  readonly imagesBytesMax: number;
  /** Tries in a row that bring nothing of an image, before rows are taken. */
  readonly imageTriesMax: number;
  /** Prepared statements kept by a connection. */
  readonly statementsMax: number;
}

export const DEFAULT_LIMITS: Limits = {
  frameBytesMax: 1 << 20,
  messageBytesMax: 64 << 20,
  groupChangesMax: 20_000,
  pieceChangesMax: 4_000,
  pieceBytesMax: 4 << 20,
  partChangesMax: 1_000_000,
  creditBytes: 4 << 20,
  bufferedBytesMax: 4 << 20,
  unreadAnswerBytesMax: 16 << 20,
  linksBytesMax: 512 << 20,
  inboxMessagesMax: 50_000,
  linkReadsMax: 100,
  growthLogMax: 1_000,
  parkedChangesMax: 1_000_000,
  bookEntriesMax: 8,
  erasMax: 10_000,
  handshakeMs: 10_000,
  beatMs: 15_000,
  silenceMs: 45_000,
  retryFirstMs: 250,
  retryMaxMs: 30_000,
  retryAfterMsMax: 3_600_000,
  siteChangesMax: 3,
  linksMax: 5_000,
  transactionMsMax: 30_000,
  queryMsMax: 60_000,
  waitingCallsMax: 1_000_000,
  watchesMax: 10_000,
  colVersionMax: 2 ** 40,
  causalLengthMax: 2 ** 40,
  versionStepMax: 65_536,
  seqMax: 2 ** 31 - 1,
  rangesMax: 10_000,
  sitesMax: 100_000,
  siteKeysMax: 1_000_000,
  controlDepthMax: 12,
  controlItemsMax: 1_000_000,
  tablesMax: 400,
  columnsMax: 63,
  valueBytesMax: 16 << 20,
  packedKeyBytesMax: 64 << 10,
  schemaBytesMax: 1 << 20,
  bodyBytesMax: 64 << 20,
  bodiesBytesMax: 512 << 20,
  pageChanges: 10_000,
  pageChangesMax: 50_000,
  streamBeatMs: 15_000,
  databaseBytesMax: 2 ** 38,
  databasesMax: 10_000,
  databasesOpenMax: 200,
  databaseIdleMs: 300_000,
  connectionsMax: 5_000,
  connectionsPerAddressMax: 5_000,
  imageChangesMin: 50_000,
  imageRatioMax: 4,
  imageBytesMax: 2 ** 32,
  imagesBytesMax: 2 ** 30,
  imageTriesMax: 5,
  statementsMax: 200,
};

/** Of what is done in steps there is a smallest one; 0 is for what an owner forbids. */
const SMALLEST: Partial<Limits> = {
  frameBytesMax: 1_024,
  messageBytesMax: 1_024,
  groupChangesMax: 1,
  pieceChangesMax: 1,
  pieceBytesMax: 1,
  partChangesMax: 1,
  creditBytes: 1,
  bufferedBytesMax: 1,
  inboxMessagesMax: 1,
  bookEntriesMax: 1,
  erasMax: 1,
  pageChanges: 1,
  pageChangesMax: 1,
};

/**
 * The defaults with an owner's changes.
 *
 * Errors  USAGE for a name that is no limit and a value that is no number or too small: a mistyped bound bounds nothing.
 */
export function limitsWith(changes: Partial<Limits> = {}): Limits {
  for (const [name, value] of Object.entries(changes) as [string, unknown][]) {
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) throw usage(`'${name}' is no limit: PROTOCOL.md has the table of limits`);
    const smallest = SMALLEST[name as keyof Limits] ?? 0;
    if (typeof value === 'number' && value >= smallest) continue;
    throw usage(`limit ${name} is ${String(value)}: give a number of ${smallest} or more, or leave it out`);
  }
  return { ...DEFAULT_LIMITS, ...changes };
}

function usage(message: string): ReplicationError {
  return new ReplicationError('USAGE', message);
}

/** Bytes of changes that are kept whole, in one window or part: they fit in a message with room to spare. */
export function wholeBytesMax({ messageBytesMax }: Pick<Limits, 'messageBytesMax'>): number {
  return messageBytesMax >> 1;
}
