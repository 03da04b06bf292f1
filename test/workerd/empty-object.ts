import { DurableObject } from "cloudflare:workers";

/** An object whose storage the tests use from inside; it does nothing by itself. */
export class EmptyObject extends DurableObject {}

export default { fetch: () => new Response("test only") };
