import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { GroundcrewError } from "../../shared/errors.ts";
import { makePrivateFolder, writePrivateFile } from "../runner/session-folder.ts";
import { type UpgradeRecord, upgradeRecordSchema } from "./upgrade-record.ts";

/** Limit of the record in bytes: 16 MB; the largest part is two scans with some thousand vulnerabilities. */
const MAX_RECORD_BYTES = 16 * 2 ** 20;

export type RecordFile = ReturnType<typeof openRecordFile>;

/** The record of the last upgrade and the folder of each, in a folder that only this user can read. */
export function openRecordFile(folder: string) {
  const path = join(folder, "upgrade.json");
  return {
    path,
    /** The last upgrade; undefined when there was none. Throws when the file is not a record. */
    read(): UpgradeRecord | undefined {
      const stats = statSync(path, { throwIfNoEntry: false });
      if (!stats) return undefined;
      try {
        if (!stats.isFile() || stats.size > MAX_RECORD_BYTES) throw new Error("not a file of at most 16 MB");
        return upgradeRecordSchema.parse(JSON.parse(readFileSync(path, "utf8")));
      } catch (cause) {
        throw new GroundcrewError(
          "bad_request",
          `${path} is not a record of an upgrade. Look at it, compare the pinned version with what runs, then move it away.`,
          { cause },
        );
      }
    },
    write(record: UpgradeRecord) {
      makePrivateFolder(folder);
      writePrivateFile(path, JSON.stringify(record, undefined, 2));
    },
    /** The folder of one upgrade, with its backup and report. */
    openRunFolder(id: string): string {
      makePrivateFolder(folder);
      const runFolder = join(folder, id);
      makePrivateFolder(runFolder);
      return runFolder;
    },
    writeReport(id: string, text: string): string {
      const reportPath = join(this.openRunFolder(id), "report.md");
      writePrivateFile(reportPath, text);
      return reportPath;
    },
  };
}
