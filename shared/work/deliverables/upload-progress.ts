import { getErrorMessage } from "../../errors.ts";
import { readAllRows } from "../../store/scan-set.ts";
import { MINUTE, type Ms, SECOND } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import type { UploadProgress } from "./running-upload.ts";

/** Interval between two records of an upload's progress: 1 s. An upload that takes less is not recorded at all. */
const RECORD_INTERVAL_MS: Ms = SECOND;
/** Retention of a record that is not renewed: 2 min, because a transfer without data ends after 30 s. */
const KEPT_MS: Ms = 2 * MINUTE;

/**
 * Creates what records the progress of one upload for the page: call `record` with the size of each piece, and `end`
 * whatever the result is. A store that cannot be written does not disturb the upload.
 */
export function trackUpload(
  deps: Pick<WorkDeps, "store" | "clock" | "log">,
  upload: Omit<UploadProgress, "sent" | "at">,
  id: string,
): { record: (bytes: number) => Promise<void>; end: () => Promise<void> } {
  const key = workKeys.uploadProgress(id);
  let sent = 0;
  const startedAt = deps.clock();
  let recordedAt = startedAt;
  let isRecorded = false;

  async function save(value: UploadProgress | undefined) {
    const put = value ? { key, value, sets: [workSets.uploads], expires: KEPT_MS } : { key, value };
    await deps.store.commit({ put: [put] }).catch((thrown: unknown) => {
      deps.log.warn("upload progress not recorded", { error: getErrorMessage(thrown) });
    });
  }

  return {
    async record(bytes) {
      sent += bytes;
      const now = deps.clock();
      if (Math.abs(now - recordedAt) < RECORD_INTERVAL_MS) return;
      recordedAt = now;
      isRecorded = true;
      await save({ ...upload, sent: Math.min(sent, upload.size), at: startedAt });
    },
    async end() {
      if (isRecorded) await save(undefined);
    },
  };
}

/** Reads the running uploads of all processes, the oldest first. */
export async function readUploads(deps: Pick<WorkDeps, "store">): Promise<UploadProgress[]> {
  const rows = await readAllRows<UploadProgress>(deps, workSets.uploads);
  return rows.map(({ value }) => value).sort((a, b) => a.at - b.at);
}
