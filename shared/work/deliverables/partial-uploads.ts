import { attachmentsApi } from "../../plane/attachments.ts";
import type { PlaneClient } from "../../plane/client.ts";
import { PlaneError, PlaneNotFoundError } from "../../plane/errors.ts";
import type { StoredValue, StoreKey } from "../../store/port.ts";
import { type CallContext, createCallContext, type WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import { findKeptTask } from "../tasks/find-task.ts";
import { linkDeliverable } from "./link-deliverable.ts";
import { createPartialUploadJob, forgetUpload, type KeptUpload, PARTIAL_UPLOAD_MS } from "./upload-record.ts";

interface PartialUpload {
  project: string;
  item: string;
  attachment: string;
}

/**
 * Removes an attachment that was never confirmed; true when it no longer exists. Plane does not show such attachments,
 * and its own worker removes them after 7 days; a failed removal is logged and reported to the caller.
 */
export async function removePartialUpload(
  deps: Pick<WorkDeps, "log">,
  plane: PlaneClient,
  upload: PartialUpload,
): Promise<boolean> {
  const { project, item, attachment } = upload;
  try {
    await plane.call(attachmentsApi.remove, { params: { project, item, attachment }, priority: "interactive" });
    deps.log.info("partial upload removed", { item, attachment });
    return true;
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return true;
    if (!(thrown instanceof PlaneError)) throw thrown;
    deps.log.warn("partial upload not removed; Plane removes it after 7 days", {
      item,
      attachment,
      reason: thrown.message,
    });
    return false;
  }
}

/**
 * Cleans up after an upload that no call has finished: removes its attachment or, when Plane shows the attachment
 * already, writes the comment that links it.
 */
export async function cleanUpPartialUpload(
  deps: WorkDeps,
  { item, upload, correlation }: { item: string; upload: string; correlation: string },
): Promise<void> {
  const key = workKeys.upload(item, upload);
  const [record] = await deps.store.read<KeptUpload>([key]);
  if (!record || record.value.step === "linked") return;
  const { at, attachment, project, agent, name, step } = record.value;
  if (at + PARTIAL_UPLOAD_MS > (await deps.store.now())) {
    await deps.store.commit({ jobs: [createPartialUploadJob(deps, item, upload, correlation, at)] });
    return;
  }
  if (step === "confirmed" && (await linkConfirmed(deps, key, record, correlation))) return;
  // The record goes first, so that a new call starts over instead of sending with the removed attachment's ticket.
  if (!(await forgetUpload({ deps }, key, record))) return cleanUpPartialUpload(deps, { item, upload, correlation });
  deps.log.warn("upload never finished", { correlation, item, agent, name, step });
  if (attachment !== undefined && step !== "confirmed")
    await removePartialUpload(deps, deps.plane, { project, item, attachment });
}

/** Links a confirmed attachment with Groundcrew's own key, on behalf of its agent; false when Plane has removed it. */
async function linkConfirmed(
  deps: WorkDeps,
  key: StoreKey,
  record: StoredValue<KeptUpload>,
  correlation: string,
): Promise<boolean> {
  const { item, agent, attachment } = record.value;
  const task = await findKeptTask(deps, item);
  if (!task || task.item.gone !== undefined) return false;
  const systemContext = createCallContext(deps, { name: agent, role: "worker" }, correlation);
  const context: CallContext = { ...systemContext, plane: systemContext.systemPlane, usesOwnKey: false };
  try {
    const { data } = await context.plane.call(attachmentsApi.list, { params: { project: task.project.id, item } });
    if (!data.some(({ id }) => id === attachment)) return false;
    await linkDeliverable(context, task, { kept: record, key });
    return true;
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return false;
    throw thrown;
  }
}
