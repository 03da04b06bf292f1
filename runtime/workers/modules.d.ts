/** The part of Cloudflare's module that is used here; @cloudflare/workers-types would replace the global types of Node. */
declare module "cloudflare:workers" {
  export abstract class DurableObject {
    constructor(state: object, env: object);
  }
}

/** The file that `build-page.js` writes (`alias` in wrangler.jsonc): the texts of the page's files by their paths. */
declare module "groundcrew:page-files" {
  const texts: Record<string, string>;
  export default texts;
}
