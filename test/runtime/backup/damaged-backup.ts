import { createHash } from "node:crypto";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { formatChecksums, parseChecksums } from "../../../runtime/backup/manifest.ts";
import { writeFiles } from "../../support/test-folder.ts";

export const hash = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

export const readManifest = (backup: string): Record<string, unknown> & { files: number } =>
  JSON.parse(readFileSync(join(backup, "manifest.json"), "utf8"));

export const editManifest = (backup: string, change: object) =>
  writeFiles(backup, { "manifest.json": { ...readManifest(backup), ...change } });

/** Adds a file to a backup, its list and its manifest, as somebody would who wants it to be restored. */
export function smuggle(backup: string, path: string) {
  writeFiles(backup, { [path]: "smuggled" });
  appendFileSync(join(backup, "SHA256SUMS"), `${hash("smuggled")}  ${path}\n`);
  editManifest(backup, { files: readManifest(backup).files + 1 });
  forgeChecksums(backup);
}

/** Changes the saved store, and hides that as far as checksums can. */
export function changeStore(backup: string, sql: string) {
  const database = new DatabaseSync(join(backup, "store/groundcrew.db"));
  database.exec("PRAGMA journal_mode = DELETE");
  database.exec(sql);
  database.close();
  forgeChecksums(backup);
}

/** Makes list and manifest agree with the files again, as somebody would who wants to hide a change. */
function forgeChecksums(backup: string) {
  const list = join(backup, "SHA256SUMS");
  const files = parseChecksums(readFileSync(list, "utf8")).map((file) => {
    const content = readFileSync(join(backup, file.path));
    return { ...file, hash: hash(content), bytes: content.length };
  });
  const sums = formatChecksums(files);
  writeFileSync(list, sums);
  editManifest(backup, { checksums: hash(sums), bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) });
}
