/**
 * What the runner keeps of a session: its folder, its record, and the files that its CLI writes there, which are read
 * with care.
 */

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { taskKeySchema } from "../../shared/names.ts";
import { tryParseJson } from "../../shared/text.ts";
import { observedSessionSchema, publicationSchema } from "../../shared/tickets/exchange.ts";
import type { Ms } from "../../shared/time.ts";
import { makePrivateFolder, writePrivateFile } from "../node/files.ts";

/** Paths of a ticket's folder and of its own files. */
export type SessionPaths = Record<
  "folder" | "own" | "temporary" | keyof typeof FILE_NAMES | keyof typeof OWN_NAMES,
  string
>;

/** A file that a session's program has written. */
interface SessionFile {
  content: Buffer;
  text: string;
  modifiedAt: Ms;
}

/** Whether these are the paths of a boxed session. */
export function isBoxed({ folder, own }: Pick<SessionPaths, "folder" | "own">): boolean {
  return own !== folder;
}

const FILE_NAMES = {
  record: "record.json",
  ticket: "ticket.md",
  /** What the branch and its worktree have changed, for a new conversation that goes on with earlier work. */
  difference: "difference.patch",
  /** A text on its way into the terminal. */
  paste: "paste.txt",
  settings: "settings.json",
  mcp: "mcp.json",
  /** Program, arguments and environment; deleted by the launcher once it has read them. */
  launch: "launch.json",
  /** Of Codex: where it listens, what it prints, its thread, and what its requests are about. */
  socket: "codex.sock",
  log: "codex.log",
  thread: "session-start.json",
  requests: "requests.json",
} as const;

/** Files that the session writes: in a folder of their own when it is boxed, because the others are read-only there. */
const OWN_NAMES = {
  sessionStart: "session-start.json",
  sessionEnd: "session-end.json",
  status: "status.json",
  /** GROUNDCREW_COMPLETION_FILE. */
  completion: "completion.txt",
} as const;

/** Limit of what Claude Code's hooks and status line write in bytes: 64 KB; each has some KB. */
const MAX_HOOK_BYTES = 64 * 1024;

/** Limit of a record in bytes: 1 MB; the largest screen, commits and summary have 100 KB. */
const MAX_RECORD_BYTES = 2 ** 20;

/** What is reported of a session besides its identity and state. It stays as it is once the session has ended. */
const sessionDetailsSchema = observedSessionSchema.pick({
  ...{ last_output_at: true, last_progress_at: true, attention: true, interruption: true, completion: true },
  ...{ screen: true, commits: true, diff: true, conflicts: true, dirty: true, cost_usd: true, tokens: true },
});

export type SessionDetails = z.infer<typeof sessionDetailsSchema>;

/** What is reported before anything is known. */
export const NO_DETAILS: SessionDetails = { screen: "", commits: [], dirty: false };

/** The part of a record that says that Groundcrew has not received its last news. */
export const UNREPORTED = { is_reported: false, is_acknowledged: false } as const;

/** What is known of the conversation that a session has begun: its id and the file of its stored entries. */
export const transcriptSchema = z.object({ session_id: z.uuid(), transcript_path: z.string() });

/**
 * What the runner remembers of a ticket's last run, one file for each ticket. tmux knows what is alive; the record
 * knows what was begun, so that nothing begins twice, and how it ended.
 *
 * `preparing`: worktree and files are made. `launching`: tmux is asked for a session; it has run if its launch file is
 * gone. `launched`: tmux had it. `ended`: it has ended and `exit` says how.
 */
const sessionRecordSchema = z.object({
  ticket: taskKeySchema,
  run: z.int().min(1),
  round: z.int().min(1).default(1),
  session_id: z.uuid(),
  /** The kind of CLI that works in it. */
  cli: z.enum(["claude", "codex", "command"]).default("claude"),
  /** The label that has chosen it. */
  cli_label: z.string().exactOptional(),
  /** The conversation that the last launch has begun or resumed; `is_lost`: Claude does not know it any more. */
  conversation: transcriptSchema.extend({ is_lost: z.literal(true).exactOptional() }).exactOptional(),
  /** The session of this round could not resume the conversation before. */
  is_new_conversation: observedSessionSchema.shape.is_new_conversation,
  project: z.string(),
  /** Repository, worktree and the branch that the ticket's branch began at and is compared with. */
  repository: z.string(),
  worktree: z.string(),
  branch: z.string(),
  main: z.string(),
  /** Its processes run in a box, and `worktree` is a clone. */
  is_boxed: z.literal(true).exactOptional(),
  phase: z.enum(["preparing", "launching", "launched", "ended"]),
  started_at: z.iso.datetime(),
  attempts: z.int().min(0),
  /** US dollars of earlier launches of this run with which Claude does not begin to count: it was killed. */
  cost_before: z.number().default(0),
  /** Hooks of the settings that have succeeded in this run. */
  hooks: z.array(z.string()),
  /** Ids of inputs that reached earlier launches of this run. */
  applied: observedSessionSchema.shape.applied,
  exit: observedSessionSchema.shape.exit,
  ended_at: z.iso.datetime().exactOptional(),
  /** Groundcrew has received the end. */
  is_reported: z.boolean(),
  /** Groundcrew has answered that it needs no more reports of this end. */
  is_acknowledged: z.boolean(),
  details: sessionDetailsSchema,
  /** Nobody needs the worktree any more: it is removed once that loses nothing. */
  removable: z.literal(true).exactOptional(),
  /** Id of another session of this key, which Groundcrew did not know; what it left is kept apart from this run. */
  other_session: z.uuid().exactOptional(),
  /** What was kept apart; empty when nothing had to be. */
  kept_apart: observedSessionSchema.shape.kept_apart,
  /** Run and newest commit of the difference that Groundcrew has. */
  sent_difference: z.string().exactOptional(),
  /** Where the branch is published: the address of `origin` before the session could change it, and its base. */
  remote: z.object({ url: z.string(), base: z.string() }).exactOptional(),
  publication: publicationSchema.extend({ number: z.int().exactOptional(), changed_at: z.int() }).exactOptional(),
  /** The last run of the repository's test command. */
  tests: observedSessionSchema.shape.tests,
});

export type SessionRecord = z.infer<typeof sessionRecordSchema>;

/** Whether the hook `after_run` of an ended session still has to run. */
export function needsAfterRun({ phase, exit, hooks }: SessionRecord): boolean {
  return phase === "ended" && exit?.reason !== "start_failed" && !hooks.includes("after_run");
}

/** The branch of a ticket follows from its key alone, never from a title. */
export function getTicketBranch(ticket: string): string {
  return `groundcrew/${ticket.toLowerCase()}`;
}

/** Whether a conversation is in the home that a CLI has in a box. */
export function isInHome(home: string, transcriptPath: string | undefined): boolean {
  if (!transcriptPath?.startsWith(`${home}/`)) return false;
  const place = dirname(transcriptPath);
  return !existsSync(place) || realpathSync(place).startsWith(`${realpathSync(home)}/`);
}

/** The home that a CLI has in a box. */
export function getHome({ folder }: Pick<SessionPaths, "folder">, name: string): string {
  return join(folder, name);
}

/**
 * The records of all sessions, in memory and in `<folder>/sessions/<KEY>`, which only this user can read. A change is
 * on the disk before anything follows from it.
 */
export function createRecordStore(root: string) {
  const sessions = join(root, "sessions");
  makePrivateFolder(root);
  makePrivateFolder(sessions);
  const records = new Map<string, SessionRecord>();
  for (const entry of readdirSync(sessions, { withFileTypes: true })) {
    // A folder without a valid record, such as a link, is left alone.
    if (!entry.isDirectory() || !taskKeySchema.safeParse(entry.name).success) continue;
    const record = readSessionJson(getPaths(entry.name).record, sessionRecordSchema, MAX_RECORD_BYTES);
    if (record?.ticket === entry.name) records.set(entry.name, record);
  }

  /** The paths of a ticket. The key is parsed before, so it contains no separators. */
  function getPaths(ticket: string): SessionPaths {
    const folder = join(sessions, taskKeySchema.parse(ticket));
    const own = records.get(ticket)?.is_boxed ? join(folder, "own") : folder;
    const list = (place: string, names: Record<string, string>) =>
      Object.entries(names).map(([file, name]) => [file, join(place, name)]);
    // What is /tmp for the session.
    const temporary = own === folder ? "/tmp" : join(folder, "tmp");
    return { folder, own, temporary, ...Object.fromEntries([...list(folder, FILE_NAMES), ...list(own, OWN_NAMES)]) };
  }

  function save(record: SessionRecord): SessionRecord {
    const paths = getPaths(record.ticket);
    makePrivateFolder(paths.folder);
    writePrivateFile(paths.record, JSON.stringify(record));
    records.set(record.ticket, record);
    return record;
  }

  const keep = (record: SessionRecord) => void records.set(record.ticket, record);

  return {
    getPaths,
    list: (): SessionRecord[] => [...records.values()],
    get: (ticket: string) => records.get(ticket),
    /** A record as it is now, after changes meanwhile. */
    getLatest: (record: SessionRecord) => records.get(record.ticket) ?? record,
    save,
    /** Changes a record in memory only: for what can be observed again. */
    keep,
    /** Changes a record, in memory only where the disk is full, so that the runner goes on and can still tell. */
    saveOrKeep(record: SessionRecord): void {
      try {
        save(record);
      } catch {
        keep(record);
      }
    },
    remove(ticket: string) {
      rmSync(getPaths(ticket).folder, { recursive: true, force: true });
      records.delete(ticket);
    },
  };
}

export type RecordStore = ReturnType<typeof createRecordStore>;

/**
 * Reads a file that the session's program may have written, at most `limit` bytes of it from a place in it. Undefined
 * unless it is a regular file of this user: no link, no pipe (opening one would wait for a writer), no device, no file
 * of others.
 */
export function readSessionFile(path: string, limit: number, offset = 0): SessionFile | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile() || stats.uid !== process.getuid?.()) return undefined;
    const buffer = Buffer.alloc(Math.max(0, Math.min(limit, stats.size - offset)));
    const content = buffer.subarray(0, readSync(file, buffer, 0, buffer.length, offset));
    return { content, text: content.toString(), modifiedAt: stats.mtimeMs };
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}

/** Reads such a file as JSON; undefined when it cannot be read or has another form, for example while it is written. */
export function readSessionJson<T>(path: string, schema: z.ZodType<T>, limit = MAX_HOOK_BYTES): T | undefined {
  return schema.safeParse(tryParseJson(readSessionFile(path, limit)?.text ?? "")).data;
}
