import { GroundcrewError, messageOf } from "../errors.ts";
import { type Observed, observed, snapshotOf } from "../observe/door.ts";
import { observeItem } from "../observe/item.ts";
import { keys } from "../observe/keys.ts";
import { labelName, personByEmail, stateNamed } from "../observe/names.ts";
import type { Endpoint } from "../plane/client.ts";
import { workItems } from "../plane/work-items.ts";
import type { KeptItem, Snapshot, Word } from "../task/snapshot.ts";
import { wordOf } from "../task/words.ts";
import type { Acting } from "./acting.ts";
import { type KeptClaim, proveClaim } from "./claims.ts";
import { keptTask, readNow, type Task } from "./find.ts";

const patch = { ...workItems.update, answer: observed } satisfies Endpoint<Observed>;

/** Plane's names of what may be changed, and their values. Lists are whole: what they lack is taken away. */
export interface Fields {
  name?: string;
  description_html?: string;
  state?: string;
  priority?: string;
  assignees?: string[];
  labels?: string[];
  start_date?: string | null;
  target_date?: string | null;
}

/**
 * Changes a work item as the caller and observes Plane's answer: the task as it is now. Under a claim the write starts
 * only while the claim holds, and one that ended while the claim ran out is read back and refused.
 */
export async function changeTask(acting: Acting, task: Task, fields: Fields, claim?: KeptClaim): Promise<Task> {
  const { deps, plane, correlation } = acting;
  const before = task.item.snapshot.word;
  const after = await wordAfter(acting, task, fields);
  const start = { since: 0, began: 0 };
  const { data } = await plane.call(patch, {
    params: { project: task.project.id, item: task.id },
    json: { ...fields },
    async before() {
      if (claim) await proveClaim(acting, task, claim, [...new Set([before, after])]);
      const [[kept], began] = await Promise.all([deps.store.read<KeptItem>([keys.item(task.id)]), deps.store.now()]);
      Object.assign(start, { since: kept?.rev ?? 0, began });
    },
  });
  const snapshot = await snapshotOf(deps, data);
  if (claim) {
    await proveClaim(acting, task, claim, [snapshot.word]).catch(async (thrown: unknown) => {
      throw await overtaken(acting, task, thrown);
    });
  }
  const emptied = (["assignees", "labels"] as const).filter((field) => fields[field]?.length === 0);
  const seen = { via: "read", snapshot, ...start, ended: await deps.store.now(), emptied } as const;
  const hint = await hintOf(acting, fields, snapshot);
  const source = { project: task.project, correlation, cause: `${correlation}:${start.since}` };
  const { rereadIn } = await observeItem(deps, task.id, seen, { ...source, ...(hint && { hint }) });
  // Something else was observed while Plane answered: which of the two is the later, only another look can tell.
  if (rereadIn === 0) await readNow(acting, task);
  deps.kick();
  return (await keptTask(deps, task.id)) ?? task;
}

/** What the task will be called after a change of its state or labels, by what is known of them. */
async function wordAfter({ deps }: Acting, task: Task, fields: Fields): Promise<Word> {
  const { snapshot } = task.item;
  if (fields.state === undefined && fields.labels === undefined) return snapshot.word;
  const state = await stateNamed(deps, task.project.id, fields.state ?? snapshot.state);
  const labels = await Promise.all(
    (fields.labels ?? snapshot.labels).map((label) => labelName(deps, task.project.id, label)),
  );
  if (!state) return snapshot.word;
  return wordOf(
    state,
    labels.filter((label) => label !== undefined),
    deps.settings.states,
  );
}

/** The claim ran out while Plane was at it: whether it was done nevertheless, only Plane can tell. */
async function overtaken(acting: Acting, task: Task, thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof GroundcrewError)) return thrown;
  await readNow(acting, task);
  const now = (await keptTask(acting.deps, task.id))?.item.snapshot.word ?? "gone";
  return new GroundcrewError(
    thrown.code,
    `${messageOf(thrown)} A change was already under way then: ${task.key} is ${now} in Plane now.`,
  );
}

/** What a webhook of this change would say of it, the state before everything else; the caller when the key is its own. */
async function hintOf({ deps, caller, own }: Acting, fields: Fields, snapshot: Snapshot) {
  const agent = deps.settings.agents.find(({ name }) => name === caller.name);
  const id = own && agent ? await personByEmail(deps, agent.email) : undefined;
  if (!agent || id === undefined) return undefined;
  const [field = null, value] = fields.state === undefined ? (Object.entries(fields)[0] ?? []) : [];
  const what = fields.state === undefined ? { field, value } : { field: "state", value: snapshot.state };
  return { ...what, actor: { id, name: agent.name } };
}
