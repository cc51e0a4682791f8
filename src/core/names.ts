/** Names of replicated tables and columns: what the engine takes without quotes, and nothing of our own. */

export const NAME_LENGTH_MAX = 128;

/** Whether a name may travel as table or column of a change: form only, keywords are the schema's question. */
export function isReplicatedName(name: string): boolean {
  return name.length <= NAME_LENGTH_MAX && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !isReservedName(name);
}

/** Whether SQLite, the engine or crmesh keeps the name for itself, or the engine mistakes it for a clause. */
export function isReservedName(name: string): boolean {
  return /^(?:sqlite_|crsql_|crmesh_|__crsql)|__crsql_|autoincrement/i.test(name);
}
