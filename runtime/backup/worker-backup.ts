/**
 * The store of a Groundcrew on Workers in a backup: read and replaced over HTTP, because nothing else reaches it. The
 * Worker goes on meanwhile; after a restore it starts anew by itself.
 */

import { Readable } from "node:stream";
import { getErrorMessage } from "../../shared/errors.ts";
import { formatSavedRows, parseSavedRows } from "../../shared/store/sql/database.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import type { BackupSettings } from "./backup-settings.ts";
import type { SavedPart } from "./files.ts";
import { BackupError, createBackupError, createSettingError, type VerifiedBackup } from "./manifest.ts";
import { readErrorMessage, type StoreEngine, saveStoreRows, withStoreRows } from "./sqlite-backup.ts";

/** Timeout for one request: 10 minutes, for a store of many megabytes over a slow line. */
const TIMEOUT: Ms = 10 * MINUTE;

/** A store on Workers, by the Worker's address. */
export const workerEngine: StoreEngine = {
  needsStop: false,
  save: saveWorkerStore,
  // The same route with the same token, of which only the head is sent.
  check: async (settings) => void (await requestStore(settings, { method: "HEAD" })),
  restore: restoreWorkerStore,
};

async function saveWorkerStore(settings: BackupSettings, root: string): Promise<SavedPart> {
  const { body } = await requestStore(settings, { method: "GET" });
  try {
    return await saveStoreRows(parseSavedRows(body ?? new ReadableStream()), root);
  } catch (thrown) {
    if (thrown instanceof BackupError) throw thrown;
    throw createBackupError(`The store of ${settings.store.url} could not be read: ${getErrorMessage(thrown)}.`);
  }
}

async function restoreWorkerStore(backup: VerifiedBackup, settings: BackupSettings): Promise<void> {
  await withStoreRows(backup, async (rows) => {
    const body = Readable.toWeb(Readable.from(toBytes(formatSavedRows(rows)))) as ReadableStream;
    await requestStore(settings, { method: "PUT", body, headers: { "content-type": "application/json" } });
  });
}

function* toBytes(lines: Iterable<string>): Generator<Uint8Array> {
  for (const line of lines) yield Buffer.from(line);
}

/** Resolves with a successful answer. Throws a BackupError with the reason of any other. */
async function requestStore({ store: { url }, adminToken }: BackupSettings, init: RequestInit): Promise<Response> {
  if (adminToken === undefined) throw createSettingError("The store of a Worker is for ADMIN_TOKEN only: set it.");
  const headers = { ...init.headers, authorization: `Bearer ${adminToken}` };
  const options = {
    ...init,
    headers,
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT),
    duplex: "half",
  } as const;
  const response = await fetch(new URL("/api/store", url), options).catch((thrown: unknown) => {
    throw createBackupError(`${url} does not answer: ${getErrorMessage(thrown)}.`);
  });
  if (response.ok) return response;
  const answer: unknown = await response.json().catch(() => undefined);
  const reason = readErrorMessage(answer) ?? "not like Groundcrew on Workers";
  throw createBackupError(`${url} answered ${response.status}: ${reason}`);
}
