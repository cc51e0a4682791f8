/** What the process that measures tells the others; each order is answered before the next. */

export interface Setting {
  /** A folder of that process alone. */
  readonly dir: string;
  /** Folder in which the contender's npm packages are installed. */
  readonly packages?: string;
}

export type ServerOrder = { readonly do: 'url' } | { readonly do: 'rows'; readonly rows: number };

export type ClientOrder =
  | { readonly do: 'open' | 'disconnect' | 'bytes' | 'close' }
  | { readonly do: 'write'; readonly from: number; readonly to: number }
  | { readonly do: 'reown'; readonly from: number; readonly to: number; readonly owner: string }
  | { readonly do: 'stamps'; readonly from: number; readonly writes: number; readonly everyMs: number }
  | { readonly do: 'connect'; readonly address: string }
  | { readonly do: 'rows'; readonly rows: number; readonly owner?: string };

export type SubscriberOrder =
  | { readonly do: 'subscribe'; readonly address: string; readonly count: number }
  | { readonly do: 'heard'; readonly deliveries: number; readonly patienceMs: number };

export interface Heard {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly deliveries: number;
  /** Of all subscribers together. */
  readonly bytes: number;
}
