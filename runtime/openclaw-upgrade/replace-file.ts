import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";

/** Replaces a file's text, whole or not at all, and keeps its mode and owner. */
export function replaceFile(path: string, text: string): void {
  const { mode, uid, gid } = statSync(path);
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    writeFileSync(draft, text, { flag: "wx", mode: mode & 0o777, flush: true });
    chmodSync(draft, mode & 0o777);
    // Only root may give a file to someone else; for others it already has their owner.
    if (process.getuid?.() === 0) chownSync(draft, uid, gid);
    renameSync(draft, path);
  } catch (thrown) {
    rmSync(draft, { force: true });
    throw thrown;
  }
}
