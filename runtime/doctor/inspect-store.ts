import { accessSync, constants, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { StoreProbe } from "../../functions/doctor/store.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import type { Ms } from "../../shared/time.ts";
import { parseStoreFolder } from "../stores/open-store.ts";

/** Timeout for connecting to Redis: 2 s. The doctor does not wait for a server that is still starting. */
const CONNECT_PATIENCE: Ms = 2_000;

/** Inspects the configured store. The embedded file serves only one process, so it is not opened. */
export async function inspectStore({ store: { url } }: Pick<Settings, "store">): Promise<StoreProbe> {
  if (url === "memory:") return { kind: "memory" };
  if (url.startsWith("file:")) return inspectFileStore(parseStoreFolder(url));
  return inspectRedisStore(url);
}

function inspectFileStore(folder: string): StoreProbe {
  const mode = existsSync(folder) ? statSync(folder).mode & 0o777 : undefined;
  return { kind: "file", folder, mode, file: existsSync(join(folder, "groundcrew.db")), writable: isWritable(folder) };
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function inspectRedisStore(url: string): Promise<StoreProbe> {
  const { connectRedis } = await import("../stores/redis/connection.ts");
  try {
    const connection = await connectRedis({ url, patience: CONNECT_PATIENCE });
    try {
      return { kind: "redis", info: parseRedisInfo(await connection.runCommand(() => connection.redis.info())) };
    } finally {
      await connection.close();
    }
  } catch (thrown) {
    return { kind: "redis", unreachable: getErrorMessage(thrown) };
  }
}

/** https://redis.io/docs/latest/commands/info/: lines of `name:value` under headings. */
function parseRedisInfo(text: string): Record<string, string> {
  const pairs = text.split("\r\n").flatMap((line) => {
    const at = line.indexOf(":");
    return at > 0 && !line.startsWith("#") ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
  });
  return Object.fromEntries(pairs);
}
