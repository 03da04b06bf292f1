import { GroundcrewError, getErrorMessage } from "../../errors.ts";
import { keepDefined } from "../../keep-defined.ts";
import { findLabelName, findNamedState, findPersonIdByEmail } from "../../observe/name-cache.ts";
import { normalizeItem, type ObservedItem, observedItemSchema } from "../../observe/normalize.ts";
import { observeItem } from "../../observe/observe-item.ts";
import { observedKeys } from "../../observe/store-keys.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Endpoint } from "../../plane/client.ts";
import { workItemsApi } from "../../plane/work-items.ts";
import type { KeptItem, Snapshot, Status } from "../../task/snapshot.ts";
import { toStatus } from "../../task/status.ts";
import type { KeptClaim } from "../claims/find-claim.ts";
import { verifyClaim } from "../claims/verify-claim.ts";
import type { CallContext } from "../context/call-context.ts";
import { findKeptTask, refreshTask, type Task } from "../tasks/find-task.ts";
import { markManaged } from "../tasks/managed-tasks.ts";

const updateEndpoint = { ...workItemsApi.update, answer: observedItemSchema } satisfies Endpoint<ObservedItem>;

/** Plane's fields of a work item that may be changed. A list replaces the whole previous list. */
export interface ItemFields {
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
 * Changes a work item as the caller, observes Plane's answer and returns the updated task. With `claim`, the write
 * starts only while the claim is valid; when the claim expires during the write, the item is read back and the call is
 * refused.
 */
export async function changeTask(
  context: CallContext,
  task: Task,
  fields: ItemFields,
  claim?: KeptClaim,
): Promise<Task> {
  const { deps, plane, correlation } = context;
  await markManaged(context, task);
  const before = task.item.snapshot.word;
  const after = await predictStatus(context, task, fields);
  const readStart = { since: 0, began: 0 };
  const { data } = await plane.call(updateEndpoint, {
    params: { project: task.project.id, item: task.id },
    json: { ...fields },
    async beforeSend() {
      if (claim) await verifyClaim(context, task, claim, [...new Set([before, after])]);
      const [[kept], startedAt] = await Promise.all([
        deps.store.read<KeptItem>([observedKeys.item(task.id)]),
        deps.store.now(),
      ]);
      Object.assign(readStart, { since: kept?.rev ?? 0, began: startedAt });
    },
  });
  const snapshot = await normalizeItem(deps, data);
  if (claim) {
    await verifyClaim(context, task, claim, [snapshot.word]).catch(async (thrown: unknown) => {
      throw await createLateWriteError(context, task, thrown);
    });
  }
  const emptied = (["assignees", "labels"] as const).filter((field) => fields[field]?.length === 0);
  const observation = { via: "read", snapshot, ...readStart, ended: await deps.store.now(), emptied } as const;
  const hint = await createActorHint(context, fields, snapshot);
  const source = { project: task.project, correlation, cause: `${correlation}:${readStart.since}` };
  const { rereadIn } = await observeItem(deps, task.id, observation, { ...source, ...omitUndefined({ hint }) });
  // Something else was observed while Plane answered. Only another read shows which of the two is newer.
  if (rereadIn === 0) await refreshTask(context, task);
  deps.kick();
  return (await findKeptTask(deps, task.id)) ?? task;
}

/** The status of the task after a change of its state or labels, from cached states and labels. */
async function predictStatus({ deps }: CallContext, task: Task, fields: ItemFields): Promise<Status> {
  const { snapshot } = task.item;
  if (fields.state === undefined && fields.labels === undefined) return snapshot.word;
  const state = await findNamedState(deps, task.project.id, fields.state ?? snapshot.state);
  const labels = await Promise.all(
    (fields.labels ?? snapshot.labels).map((label) => findLabelName(deps, task.project.id, label)),
  );
  if (!state) return snapshot.word;
  return toStatus(state, keepDefined(labels), deps.settings.states);
}

/** Extends the refusal of a claim that expired during a write with the status that Plane has now. */
async function createLateWriteError(context: CallContext, task: Task, error: unknown): Promise<unknown> {
  if (!(error instanceof GroundcrewError)) return error;
  await refreshTask(context, task);
  const currentStatus = (await findKeptTask(context.deps, task.id))?.item.snapshot.word ?? "deleted";
  return new GroundcrewError(
    error.code,
    `${getErrorMessage(error)} A change had already been sent: ${task.key} is ${currentStatus} in Plane now.`,
  );
}

/**
 * The actor hint that a webhook of this change would carry; a changed state takes precedence over other fields.
 * Undefined when the caller does not write with its own key.
 */
async function createActorHint({ deps, caller, usesOwnKey }: CallContext, fields: ItemFields, snapshot: Snapshot) {
  const agent = deps.settings.agents.find(({ name }) => name === caller.name);
  const id = usesOwnKey && agent ? await findPersonIdByEmail(deps, agent.email) : undefined;
  if (!agent || id === undefined) return undefined;
  const [field = null, value] = fields.state === undefined ? (Object.entries(fields)[0] ?? []) : [];
  const change = fields.state === undefined ? { field, value } : { field: "state", value: snapshot.state };
  return { ...change, actor: { id, name: agent.name } };
}
