import type { Driver } from "unstorage";
import type { ObjectStorage } from "./object-storage.ts";

type KeyStorage = Pick<ObjectStorage, "get" | "put" | "delete" | "list">;

/**
 * Creates a driver of unstorage that keeps a cache in a Durable Object, so that an eviction costs no request to Plane.
 * @param prefix of all its keys in the object's storage, for example `names:`
 */
export function createObjectCache(storage: KeyStorage, prefix: string) {
  const listKeys = async () => [...(await storage.list({ prefix })).keys()];
  return {
    name: "durable-object",
    hasItem: async (key: string) => (await storage.get(prefix + key)) !== undefined,
    getItem: async (key: string) => ((await storage.get(prefix + key)) as string | undefined) ?? null,
    setItem: (key: string, value: string) => storage.put(prefix + key, value),
    removeItem: async (key: string) => void (await storage.delete(prefix + key)),
    getKeys: async () => (await listKeys()).map((key) => key.slice(prefix.length)),
    clear: async () => void (await Promise.all((await listKeys()).map((key) => storage.delete(key)))),
  } satisfies Driver;
}
