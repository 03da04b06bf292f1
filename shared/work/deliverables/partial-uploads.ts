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
 * Takes away an attachment that was never confirmed; true when it is gone. Nobody sees one in Plane, and Plane's own
 * worker removes it after 7 days; but one that could not be taken away here is said.
 */
export async function removePartialUpload(
  deps: Pick<WorkDeps, "log">,
  plane: PlaneClient,
  upload: PartialUpload,
): Promise<boolean> {
  const { project, item, attachment } = upload;
  try {
    await plane.call(attachmentsApi.remove, { params: { project, item, attachment }, priority: "interactive" });
    deps.log.info("half a deliverable removed", { item, attachment });
    return true;
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return true;
    if (!(thrown instanceof PlaneError)) throw thrown;
    deps.log.warn("half a deliverable is left in Plane, which removes it after 7 days", {
      item,
      attachment,
      reason: thrown.message,
    });
    return false;
  }
}

/**
 * For later: of a deliverable that nobody came back to finish nothing half is left behind. One that Plane shows already
 * gets the comment that links it.
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
  // First the record: a call that comes now begins anew and does not send with what is taken away.
  if (!(await forgetUpload({ deps }, key, record))) return cleanUpPartialUpload(deps, { item, upload, correlation });
  deps.log.warn("a deliverable was never finished", { correlation, item, agent, name, step });
  if (attachment !== undefined && step !== "confirmed")
    await removePartialUpload(deps, deps.plane, { project, item, attachment });
}

/** Links a confirmed attachment, by Groundcrew's own key for its agent; false when Plane does not show it any more. */
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
