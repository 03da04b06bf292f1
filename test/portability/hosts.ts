import { onTestFinished } from "vitest";
import { spawnRuntime } from "../reliability/spawned-runtime.ts";
import { startRedis } from "../support/redis-server.ts";
import { spawnWorker } from "../support/spawned-worker.ts";
import type { StorageUse } from "./row-counter.ts";
import { EVICT_PATH, STORAGE_USE_PATH } from "./test-paths.ts";

/** A host that runs the whole product; at the end of the test it is stopped. */
export interface PortableHost {
  url: string;
  /** Ends the product in the middle of its work and starts it again on what it has stored. */
  restart(): Promise<void>;
}

/** Starts the product with these settings and the content of the settings file. */
export type OpenHost = (env: Record<string, string>, config: object) => Promise<PortableHost>;

async function openNodeHost(env: Record<string, string>, config: object, store?: string): Promise<PortableHost> {
  const runtime = await spawnRuntime({
    env,
    config,
    childOptions: { burst: 0, ttl: 4_000 },
    ...(store === undefined ? {} : { store }),
  });
  return {
    url: runtime.url,
    async restart() {
      await runtime.kill();
      await runtime.start();
    },
  };
}

/** A process with the embedded file; a restart is `kill -9`. */
export const openFileHost: OpenHost = (env, config) => openNodeHost(env, config);

/** A process with Redis; a restart is `kill -9`. */
export const openRedisHost: OpenHost = async (env, config) => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  return openNodeHost(env, config, redis.url);
};

/** workerd with the Durable Object; a restart is `kill -9` of all its processes. */
export const openObjectHost: OpenHost = async (env, config) => {
  const worker = await spawnWorker({ ...env, GROUNDCREW_CONFIG_JSON: JSON.stringify(config) });
  return {
    url: worker.url,
    async restart() {
      await worker.kill();
      await worker.start();
    },
  };
};

/**
 * workerd with the Durable Object; a restart evicts the object: its memory and everything that it was doing is gone, while
 * workerd and the connections of clients live on.
 */
export const openEvictableHost: OpenHost = async (env, config) => {
  const variables = { ...env, GROUNDCREW_CONFIG_JSON: JSON.stringify(config) };
  const worker = await spawnWorker(variables, "test/portability/test-worker.ts");
  return {
    url: worker.url,
    async restart() {
      const answer = await fetch(worker.url + EVICT_PATH);
      await answer.arrayBuffer();
      // The request ends together with the object; an answer of the product would mean that it lives on.
      if (answer.status !== 500) throw new Error(`The object was not evicted: ${answer.status}`);
    },
  };
};

/** Reads what the object of `openEvictableHost` has used of its storage since its start. */
export async function readStorageUse({ url }: PortableHost): Promise<StorageUse> {
  return (await (await fetch(url + STORAGE_USE_PATH)).json()) as StorageUse;
}
