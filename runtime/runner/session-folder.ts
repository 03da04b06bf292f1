import { randomBytes } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { taskKeySchema } from "../../shared/task-key.ts";
import { readSessionJson } from "./read-session-file.ts";
import { type SessionRecord, sessionRecordSchema } from "./session-record.ts";

/** Limit of a record in bytes: 1 MB; the largest screen, commits and summary have 100 KB. */
const MAX_RECORD_BYTES = 2 ** 20;

/** Paths of a ticket's own files. */
export interface SessionPaths {
  folder: string;
  record: string;
  /** The ticket as Markdown. */
  ticket: string;
  /** Claude's settings of this session. */
  settings: string;
  /** Claude's MCP servers of this session. */
  mcp: string;
  /** Program, arguments and environment; deleted by the launcher once it has read them. */
  launch: string;
  /** Written by the SessionStart hook. */
  sessionStart: string;
  /** Written by the SessionEnd hook. */
  sessionEnd: string;
  /** Written by the statusLine command. */
  status: string;
  /** GROUNDCREW_COMPLETION_FILE. */
  completion: string;
}

export type SessionFolders = ReturnType<typeof createSessionFolders>;

/** The folders of all sessions, `<folder>/sessions/<KEY>`, which only this user can read. */
export function createSessionFolders(root: string) {
  const sessions = join(root, "sessions");
  makePrivateFolder(root);
  makePrivateFolder(sessions);

  /** The paths of a ticket. The key is parsed before, so it contains no separators. */
  function getPaths(ticket: string): SessionPaths {
    const folder = join(sessions, taskKeySchema.parse(ticket));
    return {
      folder,
      record: join(folder, "record.json"),
      ticket: join(folder, "ticket.md"),
      settings: join(folder, "settings.json"),
      mcp: join(folder, "mcp.json"),
      launch: join(folder, "launch.json"),
      sessionStart: join(folder, "session-start.json"),
      sessionEnd: join(folder, "session-end.json"),
      status: join(folder, "status.json"),
      completion: join(folder, "completion.txt"),
    };
  }

  return {
    getPaths,
    /** Reads every record; a folder without a valid one, such as a link, is left alone. */
    readRecords(): SessionRecord[] {
      return readdirSync(sessions, { withFileTypes: true }).flatMap((entry) => {
        if (!entry.isDirectory() || !taskKeySchema.safeParse(entry.name).success) return [];
        const parsed = sessionRecordSchema.safeParse(readSessionJson(getPaths(entry.name).record, MAX_RECORD_BYTES));
        return parsed.success && parsed.data.ticket === entry.name ? [parsed.data] : [];
      });
    },
    writeRecord(record: SessionRecord) {
      const paths = getPaths(record.ticket);
      makePrivateFolder(paths.folder);
      writePrivateFile(paths.record, JSON.stringify(record));
    },
    /** Whether the launcher has not taken the launch file yet. */
    hasLaunchFile: (ticket: string) => existsSync(getPaths(ticket).launch),
    remove: (ticket: string) => rmSync(getPaths(ticket).folder, { recursive: true, force: true }),
  };
}

/** Writes a file that only this user can read, whole or not at all; a link in its place is replaced, not followed. */
export function writePrivateFile(path: string, text: string): void {
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  writeFileSync(draft, text, { flag: "wx", mode: 0o600, flush: true });
  renameSync(draft, path);
}

/** Creates a folder that only this user can read. Throws when a link or a file is in its place. */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (!lstatSync(path).isDirectory()) throw new Error(`${path} is not a folder. Remove it.`);
}
