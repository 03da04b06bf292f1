import type { WorkJobBody } from "../../jobs/work-jobs.ts";
import { htmlToLines } from "../../markdown/html-to-text.ts";
import { removeHiddenText } from "../../markdown/remove-hidden-text.ts";
import { findAgentByEmail, findLatestActivityActor } from "../../observe/event-actor.ts";
import { findPlanePerson } from "../../observe/name-cache.ts";
import { findMentionedUsers } from "../../task/mentions.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { findKeptTask } from "../tasks/find-task.ts";
import { findMentionedAgents } from "./find-recipients.ts";
import { receiveRemark } from "./receive-remark.ts";

type MentionJob = Extract<WorkJobBody, { do: "mention" }>;

/** Limit of the description in the remark, in characters; the agent reads all of it in the task's details. */
const TEXT_LENGTH = 1_000;
/** Limit of the converted HTML in UTF-16 units. */
const MAX_HTML = 20_000;

/**
 * Wakes the agents that a person has mentioned in a task's description. Reads the item's activities from Plane when no
 * webhook named the author; only when an agent is mentioned. Mentions that people cannot see do not count.
 */
export async function handleMention(
  deps: WorkDeps,
  { item, mentions, author, correlation }: MentionJob,
): Promise<void> {
  const task = await findKeptTask(deps, item);
  if (!task || task.item.gone !== undefined) return;
  const visible = await removeHiddenText(task.item.snapshot.description);
  const present = findMentionedUsers(visible).filter((id) => mentions.includes(id));
  const agents = await findMentionedAgents(deps, present);
  if (agents.length === 0) return;
  const id = author ?? (await findLatestActivityActor(deps, task.item.snapshot, ({ field }) => isDescription(field)));
  const person = id === undefined ? undefined : await findPlanePerson(deps, id);
  if (person && findAgentByEmail(deps, person)) return;
  const text = htmlToLines(visible.slice(0, MAX_HTML), TEXT_LENGTH).join("\n");
  const remark = { do: "remark", item, remark: `description:${item}`, by: person?.name ?? "?", text } as const;
  await receiveRemark(
    deps,
    task,
    { ...remark, mentions: present, source: "edit", correlation },
    { agents, mentioned: agents },
  );
}

/** Plane names the field differently in activities and in webhooks. */
function isDescription(field: string | null): boolean {
  return field === "description" || field === "description_html";
}
