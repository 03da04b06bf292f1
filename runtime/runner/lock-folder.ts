import { createHash } from "node:crypto";
import { once } from "node:events";
import { realpathSync } from "node:fs";
import { createServer } from "node:net";

interface FolderUse {
  /** Part of the name that is locked. */
  purpose: string;
  /** Message of the error when another process has it. */
  conflict: string;
}

/**
 * Makes sure that one process at a time uses a folder: it listens on a name that the kernel frees with the process,
 * however that ends. Throws when another process has it. Only Linux has such names; elsewhere nothing is locked.
 */
export async function lockFolder(
  folder: string,
  { purpose, conflict }: FolderUse = {
    purpose: "runner",
    conflict: `Another runner uses ${folder}. Stop it first, or set RUNNER_FOLDER.`,
  },
): Promise<() => void> {
  if (process.platform !== "linux") return () => {};
  const server = createServer((socket) => socket.destroy());
  const id = createHash("sha256").update(realpathSync(folder)).digest("hex").slice(0, 32);
  server.listen({ path: `\0groundcrew-${purpose}-${id}` });
  try {
    await once(server, "listening");
  } catch {
    throw new Error(conflict);
  }
  server.unref();
  return () => void server.close();
}
