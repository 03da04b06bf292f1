import { statfsSync } from "node:fs";
import type { StoreCapacity } from "../../shared/store/capacity.ts";

/** Reads the space of the file system of a folder, of which free is what this user may use. Throws when it cannot. */
export function readDiskSpace(folder: string): NonNullable<StoreCapacity["disk"]> {
  const { bavail, blocks, bsize } = statfsSync(folder);
  return { free: bavail * bsize, size: blocks * bsize };
}
