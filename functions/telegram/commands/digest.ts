import { digestText } from "../digest/text.ts";
import type { Command } from "../handler.ts";
import { paged } from "../pages.ts";

/** The daily digest as it is now (NOTIF-08). */
export const digest: Command = {
  name: "digest",
  also: ["resume"],
  async run(heard) {
    const now = await heard.deps.store.now();
    return paged(heard, await digestText(heard.deps, heard.look.texts.locale, now));
  },
};
