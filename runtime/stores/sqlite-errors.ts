import { getErrorMessage } from "../../shared/errors.ts";

/** Primary result codes (https://www.sqlite.org/rescode.html); the extended ones contain them in their lowest byte. */
const RESULT = { busy: 5, corrupt: 11, notADatabase: 26 } as const;

/** What to do with a file that cannot be used any longer. */
const REBUILD_HINT =
  "The file may be moved away, together with its -wal and -shm files: with an empty store Groundcrew reads everything from Plane again.";

/** Describes why a statement failed, and what to do when the file is damaged. */
export function describeStatementError(path: string, error: unknown): string {
  const reason = getErrorMessage(error);
  if (isDamaged(error)) return describeDamage(path, reason);
  return `The store ${path} failed: ${reason}`;
}

/** Describes a damaged file by SQLite's own message, and what to do. */
export function describeDamage(path: string, reason: string): string {
  return `The store ${path} is damaged: ${reason}. Stop Groundcrew. ${REBUILD_HINT}`;
}

/** Describes why the file cannot be opened. */
export function describeOpenError(path: string, error: unknown): string {
  if (findResultCode(error) === RESULT.busy)
    return `The store ${path} is already open in a running Groundcrew. Only one process can use it: stop the other one, or use Redis (STORE_URL=redis://…).`;
  const reason = getErrorMessage(getRootCause(error));
  if (isDamaged(error)) return `The store ${path} cannot be opened: it is damaged (${reason}). ${REBUILD_HINT}`;
  return `The store ${path} cannot be opened: ${reason}`;
}

/** Describes a file that is not the opened one any longer. */
export function describeLostFile(path: string): string {
  return `The store ${path} was moved away, deleted or replaced while it was open. Restore it, or continue without it: with an empty store Groundcrew reads everything from Plane again. Then restart Groundcrew.`;
}

/** Whether another process has the file open. */
export function isLockedError(error: unknown): boolean {
  return findResultCode(error) === RESULT.busy;
}

function isDamaged(error: unknown): boolean {
  const code = findResultCode(error);
  return code === RESULT.corrupt || code === RESULT.notADatabase;
}

function findResultCode(error: unknown): number | undefined {
  const cause = getRootCause(error);
  if (!(cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number")) return undefined;
  return cause.errcode & 0xff;
}

/** Statement errors are wrapped, with SQLite's own error as cause. */
function getRootCause(error: unknown): unknown {
  let cause = error;
  while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause;
  return cause;
}
