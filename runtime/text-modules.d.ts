/** What the rules in wrangler.jsonc make texts of. */
declare module "*.js" {
  const text: string;
  export default text;
}

declare module "*.mjs" {
  const text: string;
  export default text;
}

declare module "*.css" {
  const text: string;
  export default text;
}
