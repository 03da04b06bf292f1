import { onTestFinished } from "vitest";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { spawnRuntime } from "../reliability/spawned-runtime.ts";
import { startRedis } from "../support/redis-server.ts";
import { spawnWorker } from "../support/spawned-worker.ts";

/** Starts the product with these settings and the content of the settings file; at the end of the test it is stopped. */
export type OpenHost = (env: Record<string, string>, config: object) => Promise<PortableHost>;

/** A host that runs the whole product. */
interface PortableHost {
  url: string;
  /** Ends the product by `kill -9` in the middle of its work and starts it again on what it has stored. */
  restart(): Promise<void>;
}

async function openNodeHost(env: Record<string, string>, config: object, store?: string): Promise<PortableHost> {
  const own = { env, config, childOptions: { burst: 0, ttl: 4_000 } };
  const runtime = await spawnRuntime({ ...own, ...omitUndefined({ store }) });
  return {
    url: runtime.url,
    async restart() {
      await runtime.kill();
      await runtime.start();
    },
  };
}

/** A process with the embedded file. */
export const openFileHost: OpenHost = (env, config) => openNodeHost(env, config);

/** A process with Redis. */
export const openRedisHost: OpenHost = async (env, config) => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  return openNodeHost(env, config, redis.url);
};

/** workerd with the Durable Object, which tests can evict; `kill -9` ends all its processes. */
export const openObjectHost: OpenHost = async (env, config) => {
  const variables = { ...env, GROUNDCREW_CONFIG_JSON: JSON.stringify(config) };
  const worker = await spawnWorker(variables, "test/portability/test-worker.ts");
  return {
    url: worker.url,
    async restart() {
      await worker.kill();
      await worker.start();
    },
  };
};

/** Evicts the object: its memory and all that it was doing is gone, while workerd and the connections of clients live on. */
export async function evictObject(url: string): Promise<void> {
  const answer = await fetch(`${url}/evict-for-a-test`);
  await answer.arrayBuffer();
  // The request ends together with the object; an answer of the product would mean that it lives on.
  if (answer.status !== 500) throw new Error(`The object was not evicted: ${answer.status}`);
}
