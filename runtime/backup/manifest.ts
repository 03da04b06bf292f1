/**
 * The form of a backup: its name, its manifest, the list of checksums, and why one is not made or refused. parts.ts
 * says which files it may contain.
 */

import { z } from "zod";
import type { Ms } from "../../shared/time.ts";

export type BackupPart = BackupManifest["parts"][number];

/** A file of a backup: its path below the backup's folder, with `/`, and its SHA-256 in hex. */
export interface Checksum {
  path: string;
  hash: string;
}

/** A backup that is complete and sound. */
export interface VerifiedBackup {
  path: string;
  manifest: BackupManifest;
  /** All files except the manifest and the list itself. */
  files: Checksum[];
}

/** The form of a backup's folder. It grows by one when an older Groundcrew would misread it. */
export const BACKUP_FORMAT = 3;

/** Names of the files in a backup's folder that every backup has. */
export const MANIFEST_FILE = "manifest.json";

/** SHA-256 of every other file, in the form that `sha256sum --check` reads. */
export const CHECKSUMS_FILE = "SHA256SUMS";

/** Names of the parts in a backup's folder. */
export const BACKUP_PARTS = {
  database: "database.dump",
  uploads: "uploads",
  secrets: "secrets",
  settings: "settings",
  runner: "runner",
  store: "store/groundcrew.db",
} as const;

export const backupManifestSchema = z.object({
  kind: z.literal("groundcrew-backup"),
  format: z.int().positive(),
  /** Name of its folder: when it began, `2026-11-23T03-00-00Z`. */
  name: z.string(),
  began: z.iso.datetime(),
  ended: z.iso.datetime(),
  groundcrew: z.string(),
  /** The Plane and workspace it belongs to; absent where none was configured yet. */
  plane: z.object({ url: z.string(), workspace: z.string() }).optional(),
  /** Versions of the server and of pg_dump; absent in a backup without a database. */
  postgresql: z.object({ server: z.string(), dump: z.string() }).optional(),
  /** Absent in a backup without a store. */
  store: z.object({ format: z.int().nonnegative() }).optional(),
  parts: z.array(z.enum(["database", "uploads", "secrets", "settings", "runner", "store"])),
  /** Parts that a person has left out. */
  without: z.array(z.string()).default([]),
  /** Made by a timer. Those of people are kept beside them, so that neither kind replaces the other. */
  scheduled: z.boolean().default(false),
  files: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  checksums: z.string().regex(/^[0-9a-f]{64}$/),
});

export type BackupManifest = z.output<typeof backupManifestSchema>;

/** Enough of any manifest, also of a later format, to say what it is. */
export const anyManifestSchema = z.looseObject({
  kind: z.literal("groundcrew-backup"),
  format: z.int().positive(),
  groundcrew: z.string(),
});

/** Formats the name of the backup that begins at this time. */
export function formatBackupName(at: Ms): string {
  return `${new Date(at).toISOString().slice(0, 19).replaceAll(":", "-")}Z`;
}

/** Returns when the backup with this name began; undefined when it is not the name of a backup. */
export function parseBackupName(name: string): Ms | undefined {
  const [, day, hours, minutes, seconds] = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)Z$/.exec(name) ?? [];
  const at = Date.parse(`${day}T${hours}:${minutes}:${seconds}Z`);
  return Number.isNaN(at) || formatBackupName(at) !== name ? undefined : at;
}

/** Formats checksums as `sha256sum` prints them: names with a backslash or a line break are escaped. */
export function formatChecksums(checksums: readonly Checksum[]): string {
  return checksums
    .map(({ path, hash }) => {
      const escaped = path.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
      return `${escaped === path ? "" : "\\"}${hash}  ${escaped}\n`;
    })
    .join("");
}

/**
 * Parses a list of checksums. Throws an Error that names the first line that is not one, or whose path does not stay
 * inside the backup's folder.
 */
export function parseChecksums(text: string): Checksum[] {
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new Error("The last line is incomplete.");
  const seen = new Set<string>();
  return lines.map((line, i) => {
    const [, isEscaped, hash = "", name = ""] = /^(\\?)([0-9a-f]{64}) {2}(.+)$/s.exec(line) ?? [];
    const path = isEscaped ? unescapeName(name) : name;
    if (path === undefined || !isSafePath(path) || seen.has(path)) throw new Error(`Line ${i + 1} is not valid.`);
    seen.add(path);
    return { path, hash };
  });
}

function unescapeName(name: string): string | undefined {
  if (!/^(?:[^\\]|\\[\\nr])*$/s.test(name)) return undefined;
  return name.replaceAll(/\\([\\nr])/g, (_, letter: string) => (letter === "n" ? "\n" : letter === "r" ? "\r" : "\\"));
}

/** Whether a path stays inside the folder that it is relative to, and has only one spelling. */
function isSafePath(path: string): boolean {
  return !path.includes("\0") && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/** Why a backup or restore did not happen. */
export class BackupError extends Error {
  /**
   * `failed`: something did not work; `refused`: the backup cannot be restored, and nothing was changed; `setting`: a
   * person must change a setting first.
   */
  readonly kind: "failed" | "refused" | "setting";

  constructor(kind: BackupError["kind"], message: string) {
    super(message);
    this.name = "BackupError";
    this.kind = kind;
  }
}

export function createBackupError(message: string): BackupError {
  return new BackupError("failed", message);
}

export function createSettingError(message: string): BackupError {
  return new BackupError("setting", message);
}

/** The backup is broken, incomplete or not one for this installation. */
export function createRefusal(message: string): BackupError {
  return new BackupError("refused", `${message} Nothing was changed.`);
}
