/** The parts of the test pool that are used here; its own types need @cloudflare/workers-types, which replaces Node's. */
declare module "cloudflare:test" {
  interface ObjectStub {
    fetch(request: Request): Promise<Response>;
  }
  export const env: {
    OBJECT: { newUniqueId(): unknown; get(id: unknown): ObjectStub };
  };
  /** Runs `run` inside the object. */
  export function runInDurableObject<T>(
    stub: ObjectStub,
    run: (instance: unknown, state: import("../../runtime/workers/platform.ts").ObjectState) => T | Promise<T>,
  ): Promise<T>;
  /** Ends the object and keeps its storage. */
  export function evictDurableObject(stub: ObjectStub): Promise<void>;
}
