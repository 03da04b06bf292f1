/** Reads what a session would get of a work item: its texts as they are stored, and what people wrote about it in Plane. */

import type { TaskDeps } from "../app/deps.ts";
import { toMarkdown } from "../markdown/to-markdown.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { readList } from "../plane/endpoint.ts";
import { commentsApi } from "../plane/work-items.ts";
import type { Task } from "../records/plane-records.ts";
import { findAgentByEmail } from "../sync/event-facts.ts";
import { findPlanePerson } from "../sync/names.ts";
import { findStoredTask } from "../tasks/find-task.ts";
import type { Ticket, TicketCause, TicketContent, TicketVersion } from "./ticket.ts";
import { createVersion } from "./ticket-content.ts";

/** A person's comment in Plane. `author`: Plane's id. */
interface PersonComment {
  id: string;
  author: string | null;
  by: string;
  /** ISO 8601. */
  at: string;
  text: string;
}

/** Limit of the earlier comments: the newest 50. */
const MAX_COMMENTS = 50;

/** Begins the id of a cause that is a comment; Plane's id of it follows. */
const COMMENT_CAUSE = "comment:";

/** Reads what people have written about a work item, oldest first, with one request to Plane. */
export async function readPersonComments(deps: TaskDeps, { id, project }: Task): Promise<PersonComment[]> {
  const { rows } = await readList(deps.plane, commentsApi.list, { params: { project: project.id, item: id } });
  const byPeople = rows.filter(({ external_source }) => !external_source);
  const comments = await Promise.all(
    byPeople
      .sort((a, b) => (a.created_at < b.created_at ? -1 : 1))
      .map(async ({ id: comment, actor, created_at: at, comment_html }): Promise<PersonComment[]> => {
        const person = actor === null ? undefined : await findPlanePerson(deps, actor);
        if (person && findAgentByEmail(deps, person)) return [];
        const text = await toMarkdown(comment_html);
        return [{ id: comment, author: actor, by: person?.name ?? "?", at, text }];
      }),
  );
  return comments.flat();
}

/** The content of a work item as it is stored, with the comments that were read. The one of the cause stands apart. */
export async function createContent(
  { snapshot }: Task["item"],
  { id: cause }: Pick<TicketCause, "id">,
  comments: readonly PersonComment[],
): Promise<TicketContent> {
  const requested = comments.find(({ id }) => cause === COMMENT_CAUSE + id);
  const earlier = comments.filter((one) => one !== requested).slice(-MAX_COMMENTS);
  return {
    title: snapshot.name,
    description: await toMarkdown(snapshot.description),
    ...omitUndefined({ comment: requested?.text }),
    ...(earlier.length > 0 ? { comments: earlier.map(({ by, at, text }) => ({ by, at, text })) } : {}),
  };
}

/** Finds out whether a work item, as it is stored, has another title or description than was approved. */
export async function findChangedContent(
  deps: TaskDeps,
  { item, shown }: Pick<Ticket, "item" | "shown">,
): Promise<TicketVersion | undefined> {
  const task = shown.cause.trigger === "test" ? undefined : await findStoredTask(deps, item.id);
  if (!task || task.item.removedAt !== undefined) return undefined;
  const { title, description } = await createContent(task.item, shown.cause, []);
  const version = await createVersion(shown.cause, { ...shown.content, title, description });
  return version.hash === shown.hash ? undefined : version;
}
