import type { Command } from "../handler.ts";
import { filled } from "../locales/say.ts";
import { muteKey, mutePut } from "../mutes.ts";
import { withSubject } from "./mute.ts";

/** Notices of a project or task again. */
export const unmute: Command = {
  name: "unmute",
  also: ["annoncer"],
  run: (heard, args) =>
    withSubject(heard, "unmute", args, async ({ id, what }) => {
      const { done, not } = heard.look.texts.answers;
      const [kept] = await heard.deps.store.read([muteKey(id)]);
      if (!kept) return { say: { rich: filled(`ℹ️ ${not.notMuted}`, { what }) } };
      return { say: { rich: filled(`🔔 ${done.unmuted}`, { what }) }, put: [mutePut(id, undefined)] };
    }),
};
