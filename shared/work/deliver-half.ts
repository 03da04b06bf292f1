import { attachments } from "../plane/attachments.ts";
import type { PlaneClient } from "../plane/client.ts";
import { PlaneError, PlaneNotFoundError } from "../plane/errors.ts";
import type { Kept, Key } from "../store/port.ts";
import { actFor, type WorkDeps } from "./acting.ts";
import { link } from "./deliver-link.ts";
import { forget, HALF_MS, halfJob, type KeptUpload } from "./deliver-record.ts";
import { keptTask } from "./find.ts";
import { workKeys } from "./keys.ts";

interface Half {
  project: string;
  item: string;
  attachment: string;
}

/**
 * Takes away an attachment that was never confirmed; true when it is gone. Nobody sees one in Plane, and Plane's own
 * worker removes it after 7 days; but one that could not be taken away here is said.
 */
export async function removeHalf(deps: Pick<WorkDeps, "log">, plane: PlaneClient, half: Half): Promise<boolean> {
  const { project, item, attachment } = half;
  try {
    await plane.call(attachments.remove, { params: { project, item, attachment }, priority: "interactive" });
    deps.log.info("half a deliverable removed", { item, attachment });
    return true;
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return true;
    if (!(thrown instanceof PlaneError)) throw thrown;
    deps.log.warn("half a deliverable is left in Plane, which removes it after 7 days", {
      ...{ item, attachment, reason: thrown.message },
    });
    return false;
  }
}

/**
 * For later: of a deliverable that nobody came back to finish nothing half is left behind. One that Plane shows already
 * gets the comment that links it.
 */
export async function endedUpload(
  deps: WorkDeps,
  { item, upload, correlation }: { item: string; upload: string; correlation: string },
): Promise<void> {
  const key = workKeys.upload(item, upload);
  const [kept] = await deps.store.read<KeptUpload>([key]);
  if (!kept || kept.value.step === "linked") return;
  const { at, attachment, project, agent, name, step } = kept.value;
  if (at + HALF_MS > (await deps.store.now())) {
    await deps.store.commit({ jobs: [halfJob(deps, item, upload, correlation, at)] });
    return;
  }
  if (step === "confirmed" && (await linked(deps, key, kept, correlation))) return;
  // First the record: a call that comes now begins anew and does not send with what is taken away.
  if (!(await forget({ deps }, key, kept))) return endedUpload(deps, { item, upload, correlation });
  deps.log.warn("a deliverable was never finished", { correlation, item, agent, name, step });
  if (attachment !== undefined && step !== "confirmed")
    await removeHalf(deps, deps.plane, { project, item, attachment });
}

/** Links a confirmed attachment, by Groundcrew's own key for its agent; false when Plane does not show it any more. */
async function linked(deps: WorkDeps, key: Key, kept: Kept<KeptUpload>, correlation: string): Promise<boolean> {
  const { item, agent, attachment } = kept.value;
  const task = await keptTask(deps, item);
  if (!task || task.item.gone !== undefined) return false;
  const hands = actFor(deps, { name: agent, role: "worker" }, correlation);
  const acting = { ...hands, plane: hands.main, own: false };
  try {
    const { data } = await acting.plane.call(attachments.list, { params: { project: task.project.id, item } });
    if (!data.some(({ id }) => id === attachment)) return false;
    await link(acting, task, { kept, key });
    return true;
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return false;
    throw thrown;
  }
}
