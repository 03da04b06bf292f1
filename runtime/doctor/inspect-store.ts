import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { StoreProbe } from "../../functions/doctor/store.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { Ms } from "../../shared/time.ts";
import { readDiskSpace } from "../stores/disk-space.ts";
import { parseStoreFolder } from "../stores/open-store.ts";
import { parseRedisInfo, toRedisMemory } from "../stores/redis/info.ts";
import { findFileProblem, STORE_FILE_NAME } from "../stores/store-file.ts";

/** Timeout for connecting to Redis: 2 s. The doctor does not wait for a server that is still starting. */
const CONNECT_PATIENCE: Ms = 2_000;

/** Inspects the configured store and changes nothing. An embedded file is not read while a Groundcrew is running. */
export async function inspectStore(
  { store: { url } }: Pick<Settings, "store">,
  isRuntimeAlive: boolean,
): Promise<StoreProbe> {
  if (url === "memory:") return { kind: "memory" };
  if (url.startsWith("file:")) return inspectFileStore(resolve(parseStoreFolder(url)), isRuntimeAlive);
  return inspectRedisStore(url);
}

function inspectFileStore(folder: string, isRuntimeAlive: boolean): StoreProbe {
  if (!existsSync(folder))
    return { kind: "file", folder, mode: undefined, file: false, writable: isWritable(findExistingFolder(folder)) };
  const path = join(folder, STORE_FILE_NAME);
  const file = existsSync(path);
  return {
    kind: "file",
    folder,
    mode: statSync(folder).mode & 0o777,
    file,
    writable: isWritable(folder),
    disk: readDiskSpace(folder),
    ...omitUndefined({ problem: file && !isRuntimeAlive ? findFileProblem(path) : undefined }),
  };
}

/** Returns the nearest folder above a missing one, in which it would be created. */
function findExistingFolder(folder: string): string {
  return existsSync(folder) ? folder : findExistingFolder(dirname(folder));
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
      const info = parseRedisInfo(await connection.runCommand(() => connection.redis.info()));
      return { kind: "redis", info, ...omitUndefined({ memory: toRedisMemory(info) }) };
    } finally {
      await connection.close();
    }
  } catch (thrown) {
    return { kind: "redis", unreachable: getErrorMessage(thrown) };
  }
}
