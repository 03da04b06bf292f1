import { env, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe } from "vitest";
import { createObjectStore } from "../../runtime/workers/platform.ts";
import type { Store } from "../../shared/store/port.ts";
import { type OpenedStore, type OpenStore, START_TIME } from "../shared/store/opened-store.ts";
import { defineModelTests, defineStoreContract } from "../shared/store/store-contract.ts";

/** Opens the store in a new Durable Object. Each call runs inside the object; a restart evicts it. */
const openObjectStore: OpenStore = async (options) => {
  const time = { now: START_TIME };
  const stub = env.OBJECT.get(env.OBJECT.newUniqueId());
  const start = () =>
    runInDurableObject(stub, (_, { storage }) => createObjectStore(storage, { clock: () => time.now, ...options }));
  let inside = await start();
  const callInside = (name: keyof Store, args: unknown[]) =>
    runInDurableObject(stub, () => (inside[name] as (...args: unknown[]) => Promise<unknown>)(...args));
  const store = new Proxy(inside, {
    get: (_, name) =>
      name === "then" ? undefined : (...args: unknown[]) => callInside(name as keyof Store, args.map(copyJson)),
  });
  const opened: OpenedStore = {
    store,
    time,
    async restart() {
      await store.close();
      await evictDurableObject(stub);
      inside = await start();
    },
    end: () => runInDurableObject(stub, (_, { storage }) => storage.deleteAll()),
  };
  return opened;
};

/** The call begins later inside the object, when a test may have changed its arguments. */
function copyJson(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return value;
  }
}

describe("the store of a Durable Object", () => defineStoreContract(openObjectStore));

describe("REL-11 the model of the store of a Durable Object", () =>
  defineModelTests(openObjectStore, { runs: 8, voids: true }));
