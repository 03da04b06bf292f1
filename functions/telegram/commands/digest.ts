import { renderDigest } from "../digest/render-digest.ts";
import type { TelegramCommand } from "./command.ts";
import { paginateReply } from "./paginate.ts";

/** Shows the daily digest as of now (NOTIF-08). */
export const digestCommand: TelegramCommand = {
  name: "digest",
  aliases: ["resume"],
  async run(context) {
    const now = await context.deps.store.now();
    return paginateReply(context, await renderDigest(context.deps, context.presentation.texts.locale, now));
  },
};
