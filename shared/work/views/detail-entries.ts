import { cleanLine, cleanText } from "../../clean-text.ts";
import { toMarkdown } from "../../markdown/to-markdown.ts";
import { findPlanePerson } from "../../observe/name-cache.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { PlaneActivity } from "../../plane/activities-links.ts";
import type { PlaneComment } from "../../plane/comments.ts";
import { formatIsoTime } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import type { KeptQuestion } from "../questions/question-record.ts";
import type { TimeEntry } from "../time/time-entries.ts";

/** The latest entries of a list, and the number of earlier entries that were left out. */
export interface Latest<T> {
  latest: T[];
  left_out?: number;
}

/** Limits in characters, to keep the answer small for a model; longer texts are truncated with "…". */
const MAX_COMMENT = 2_000;
export const MAX_DETAIL_LINE = 300;
const MAX_LATEST = 20;

/** Converts the latest rows of an ordered list. */
export async function takeLatest<R, T>(rows: readonly R[], toEntry: (row: R) => T | Promise<T>): Promise<Latest<T>> {
  const leftOut = Math.max(0, rows.length - MAX_LATEST);
  return {
    latest: await Promise.all(rows.slice(leftOut).map(toEntry)),
    ...omitUndefined({ left_out: leftOut > 0 ? leftOut : undefined }),
  };
}

export interface QuestionEntry {
  at: string;
  agent: string;
  text: string;
  answer?: string;
  by?: string;
}

export function describeQuestion({ asked, agent, text, answer }: KeptQuestion, timeZone: string): QuestionEntry {
  return {
    at: formatIsoTime(asked, timeZone),
    agent,
    text,
    ...omitUndefined({ answer: answer?.text, by: answer?.by }),
  };
}

interface AuthorFields {
  at: string;
  by: string;
}

export type CommentEntry = AuthorFields & { text: string };

export async function describeComment(
  deps: WorkDeps,
  { created_at, actor, comment_html }: PlaneComment,
): Promise<CommentEntry> {
  return {
    ...(await describeAuthor(deps, created_at, actor)),
    text: await toShortMarkdown(deps, comment_html, MAX_COMMENT),
  };
}

export type ActivityEntry = AuthorFields & { what: string; from?: string; to?: string };

export async function describeActivity(deps: WorkDeps, activity: PlaneActivity): Promise<ActivityEntry> {
  const { verb, field, old_value, new_value } = activity;
  // For a text both values are whole texts, the old one and the new one.
  const showsValues = field !== null && !["description", "comment"].includes(field);
  return {
    ...(await describeAuthor(deps, activity.created_at, activity.actor)),
    what: field === null ? verb : cleanLine(`${verb} ${field}`, MAX_DETAIL_LINE),
    ...omitUndefined({
      from: showsValues && old_value ? cleanLine(old_value, MAX_DETAIL_LINE) : undefined,
      to: showsValues && new_value ? cleanLine(new_value, MAX_DETAIL_LINE) : undefined,
    }),
  };
}

async function describeAuthor(deps: WorkDeps, at: string, actor: string | null): Promise<AuthorFields> {
  const author = actor === null ? undefined : await findPlanePerson(deps, actor);
  return {
    at: formatIsoTime(Date.parse(at), deps.settings.timezone),
    by: author ? cleanLine(author.name, MAX_DETAIL_LINE) : "someone",
  };
}

export interface TimeEntryFields {
  agent: string;
  from: string;
  to?: string;
}

export function describeTimeEntry({ agent, from, to }: Omit<TimeEntry, "fence">, timeZone: string): TimeEntryFields {
  return {
    agent,
    from: formatIsoTime(from, timeZone),
    ...omitUndefined({ to: to !== undefined ? formatIsoTime(to, timeZone) : undefined }),
  };
}

/** Converts Plane's HTML to Markdown of at most `limit` characters. */
export async function toShortMarkdown(deps: WorkDeps, html: string, limit: number): Promise<string> {
  if (html === "") return "";
  return cleanText(await toMarkdown(html, async (id) => (await findPlanePerson(deps, id))?.name), limit);
}
