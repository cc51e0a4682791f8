/** Under which names a database of this origin lies, and is locked, in a browser. */

/** Held by the worker that has the database open. */
export function lockName(name: string): string {
  return `crmesh ${name}`;
}

/** Held, shared, by each page that has the database open. */
export function openLockName(name: string): string {
  return `crmesh-open ${name}`;
}

/** The IndexedDB database of the mirror. */
export function mirrorName(name: string): string {
  return `crmesh/${name}`;
}

/** The folder of the origin's private files in which each database has one. Errors  the browser's own. */
export async function allPools(options: { readonly create: boolean }): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle('crmesh', options);
}

export function poolName(name: string): string {
  return encodeURIComponent(name);
}
