import { createHash } from "node:crypto";
import { once } from "node:events";
import { realpathSync } from "node:fs";
import { createServer } from "node:net";

/**
 * Makes sure that one runner at a time uses a folder: it listens on a name that the kernel frees with the process,
 * however that ends. Throws when another runner has it. Only Linux has such names; elsewhere nothing is locked.
 */
export async function lockFolder(folder: string): Promise<() => void> {
  if (process.platform !== "linux") return () => {};
  const server = createServer((socket) => socket.destroy());
  const id = createHash("sha256").update(realpathSync(folder)).digest("hex").slice(0, 32);
  server.listen({ path: `\0groundcrew-runner-${id}` });
  try {
    await once(server, "listening");
  } catch {
    throw new Error(`Another runner uses ${folder}. Stop it first, or set RUNNER_FOLDER.`);
  }
  server.unref();
  return () => void server.close();
}
