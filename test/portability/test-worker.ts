import type { Env, ObjectState } from "../../runtime/workers/platform.ts";
import worker, { GroundcrewObject as ProductObject } from "../../runtime/workers/worker.ts";

export default worker;

/** The product's object, which tests can end from inside, as Cloudflare does when it evicts one. */
export class GroundcrewObject extends ProductObject {
  readonly #state: ObjectState;

  constructor(state: ObjectState, env: Env) {
    super(state, env);
    this.#state = state;
  }

  override async fetch(request: Request): Promise<Response> {
    if (new URL(request.url).pathname === "/evict-for-a-test") this.#state.abort("evicted by a test");
    return super.fetch(request);
  }
}
