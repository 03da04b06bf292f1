import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { formatChecksums, parseChecksums } from "../../../runtime/backup/manifest.ts";

type Manifest = Record<string, unknown> & { store: Record<string, unknown> };

export function editManifest(backup: string, edit: (manifest: Manifest) => void) {
  const path = join(backup, "manifest.json");
  const manifest = JSON.parse(readText(path));
  edit(manifest);
  writeFileSync(path, JSON.stringify(manifest));
}

/** Adds a file to a backup, its list and its manifest, as somebody would who wants it to be restored. */
export function smuggle(backup: string, path: string) {
  mkdirSync(join(backup, path, ".."), { recursive: true });
  writeFileSync(join(backup, path), "smuggled");
  appendFileSync(join(backup, "SHA256SUMS"), `${hash(Buffer.from("smuggled"))}  ${path}\n`);
  editManifest(backup, (manifest) => (manifest["files"] = Number(manifest["files"]) + 1));
  forgeChecksums(backup);
}

/** Makes list and manifest agree with the files again, as somebody would who wants to hide a change. */
export function forgeChecksums(backup: string) {
  const path = join(backup, "SHA256SUMS");
  const files = parseChecksums(readText(path)).map((file) => ({
    ...file,
    hash: hash(readBytes(join(backup, file.path))),
  }));
  const sums = formatChecksums(files);
  writeFileSync(path, sums);
  editManifest(backup, (manifest) => {
    manifest["checksums"] = hash(Buffer.from(sums));
    manifest["bytes"] = files.reduce((sum, file) => sum + readBytes(join(backup, file.path)).length, 0);
  });
}

export const readBytes = (path: string) => readFileSync(path);
export const readText = (path: string) => readFileSync(path, "utf8");
export const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
export const STORE = "store/groundcrew.db";

export function changeStore(backup: string, sql: string) {
  const database = new DatabaseSync(join(backup, STORE));
  database.exec("PRAGMA journal_mode = DELETE");
  database.exec(sql);
  database.close();
}
