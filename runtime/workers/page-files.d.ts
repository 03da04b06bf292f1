/** The file that `build-page-main.ts` writes (`alias` in wrangler.jsonc): the texts of the page's files by their paths. */
declare module "groundcrew:page-files" {
  const texts: Record<string, string>;
  export default texts;
}
