import { attachments } from "../plane/attachments.ts";
import type { PlaneClient } from "../plane/client.ts";
import { PlaneError, PlaneNotFoundError } from "../plane/errors.ts";
import type { WorkDeps } from "./acting.ts";
import { forget, HALF_MS, halfJob, type KeptUpload } from "./deliver-record.ts";
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

/** For later: a deliverable that nobody came back to finish leaves nothing half behind. */
export async function endedUpload(
  deps: WorkDeps,
  { item, upload, correlation }: { item: string; upload: string; correlation: string },
): Promise<void> {
  const key = workKeys.upload(item, upload);
  const [kept] = await deps.store.read<KeptUpload>([key]);
  if (!kept || kept.value.step === "confirmed" || kept.value.step === "linked") return;
  const { at, attachment, project, agent, name } = kept.value;
  if (at + HALF_MS > (await deps.store.now())) {
    await deps.store.commit({ jobs: [halfJob(deps, item, upload, correlation, at)] });
    return;
  }
  // First the record: a call that comes now begins anew and does not send with what is taken away.
  if (!(await forget({ deps }, key, kept))) return endedUpload(deps, { item, upload, correlation });
  deps.log.warn("a deliverable was never finished", { correlation, item, agent, name, step: kept.value.step });
  if (attachment !== undefined) await removeHalf(deps, deps.plane, { project, item, attachment });
}
