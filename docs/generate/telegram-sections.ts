import { TELEGRAM_COMMANDS } from "../../functions/telegram/updates/interpret-message.ts";
import { DEFAULT_NOTIFICATION_RULES } from "../../shared/config/settings-file.ts";
import { en } from "../../shared/i18n/en.ts";
import { EVENT_KINDS } from "../../shared/task/events.ts";
import { getSoundRule } from "../../shared/telegram/chat-settings.ts";
import { escapeProse, renderCode, renderTable } from "./markdown.ts";

const { events, answers } = en.telegram;
const SOUNDS = { sound: "yes", silent: "", critical: "urgent, high" };

/** All events with the headline of their message, and whether it is sent without rules and with a sound. */
export function renderEvents(): string {
  const rows = EVENT_KINDS.map((kind) => {
    const rule = DEFAULT_NOTIFICATION_RULES.find((one) => one.events.includes(kind));
    const isSent = rule ? (rule.priorities?.join(", ") ?? "yes") : "";
    return [renderCode(kind), events[kind].title, isSent, SOUNDS[getSoundRule(kind)]];
  });
  return renderTable(["Event", "Headline", "Sent by default", "Sound"], rows);
}

/** The commands of `/plane` as `/plane help` explains them, with their other words. */
export function renderCommands(): string {
  const rows = TELEGRAM_COMMANDS.map(({ name, aliases }) => {
    const { usage = "", what } = answers.commands[name];
    return [renderCode(`${name} ${usage}`.trim()), escapeProse(what), aliases.map(renderCode).join(", ")];
  });
  return renderTable(["`/plane …`", "Effect", "Also"], rows);
}
