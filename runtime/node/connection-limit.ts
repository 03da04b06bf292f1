import { z } from "zod";

/** Limit of connections where the process may open more files: 10,000, about 100 MB of buffers. */
const MAX_CONNECTIONS = 10_000;
/** Assumed limit of open files where the platform reports none (Windows). */
const DEFAULT_OPEN_FILES = 1_024;
/**
 * Files that are kept for everything but clients: 40, or a quarter of the limit. The process itself opens 26 (measured);
 * the others are for the store and for requests to Plane, Telegram and agents.
 */
const RESERVED_FILES = 40;
const RESERVED_SHARE = 1 / 4;

const reportSchema = z.object({ userLimits: z.object({ open_files: z.object({ soft: z.number() }) }) });

/** The number of connections that clients may have open at once, from the process' limit of open files (`ulimit -n`). */
export function getConnectionLimit(): number {
  const files = readOpenFilesLimit();
  const reserved = Math.max(RESERVED_FILES, Math.ceil(files * RESERVED_SHARE));
  return Math.min(MAX_CONNECTIONS, Math.max(1, files - reserved));
}

function readOpenFilesLimit(): number {
  const { report } = process;
  // Without this setting, which Node's types lack, a report resolves the names of network peers, which can take seconds.
  const previous: unknown = Reflect.get(report, "excludeNetwork");
  Reflect.set(report, "excludeNetwork", true);
  try {
    const parsed = reportSchema.safeParse(report.getReport());
    return parsed.success ? parsed.data.userLimits.open_files.soft : DEFAULT_OPEN_FILES;
  } finally {
    Reflect.set(report, "excludeNetwork", previous);
  }
}
