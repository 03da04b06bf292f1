import type { Env, ObjectState } from "../../runtime/workers/platform.ts";
import worker, { GroundcrewObject as ProductObject } from "../../runtime/workers/worker.ts";
import { countRows, type StorageUse } from "./row-counter.ts";
import { EVICT_PATH, STORAGE_USE_PATH } from "./test-paths.ts";

export default worker;

/** The product's object, which tests can end from inside, as Cloudflare does when it evicts one, and whose rows are counted. */
export class GroundcrewObject extends ProductObject {
  readonly #state: ObjectState;
  readonly #use: StorageUse;

  constructor(state: ObjectState, env: Env) {
    const { storage, use } = countRows(state.storage);
    // The platform accepts no other object as the state of one.
    super(Object.defineProperty(state, "storage", { value: storage }), env);
    this.#state = state;
    this.#use = use;
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === EVICT_PATH) this.#state.abort("evicted by a test");
    if (pathname === STORAGE_USE_PATH) return Response.json(this.#use);
    return super.fetch(request);
  }
}
