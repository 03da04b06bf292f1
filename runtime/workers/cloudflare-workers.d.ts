/** The part of Cloudflare's module that is used here; @cloudflare/workers-types would replace the global types of Node. */
declare module "cloudflare:workers" {
  export abstract class DurableObject {
    constructor(state: object, env: object);
  }
}
