import { createMutePut, muteKey } from "../delivery/mutes.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import type { TelegramCommand } from "./command.ts";
import { withMuteSubject } from "./mute.ts";

/** Resumes notifications about a project or task. */
export const unmuteCommand: TelegramCommand = {
  name: "unmute",
  aliases: ["annoncer"],
  run: (context, args) =>
    withMuteSubject(context, "unmute", args, async ({ id, label }) => {
      const { confirmations, refusals } = context.presentation.texts.answers;
      const [stored] = await context.deps.store.read([muteKey(id)]);
      if (!stored) return { reply: { rich: fillTemplate(`ℹ️ ${refusals.notMuted}`, { what: label }) } };
      return {
        reply: { rich: fillTemplate(`🔔 ${confirmations.unmuted}`, { what: label }) },
        put: [createMutePut(id, undefined)],
      };
    }),
};
