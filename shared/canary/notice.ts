import type { Settings } from "../config.ts";
import type { Job, Ms } from "../store/port.ts";
import { plain } from "../telegram/text.ts";

interface Told {
  what: "silent" | "back";
  /** Store time since when it was silent: names the notice once and for all. */
  since: Ms;
  /** How long the webhook that came took. */
  took?: Ms;
  correlation: string;
}

const TEXTS = {
  en: {
    silent:
      "⚠️ Plane's webhooks do not arrive: a test edit was not told within a minute. Changes are still found, by polling. `npm run doctor` looks for the reason.",
    back: "✅ Plane's webhooks arrive again ({n} s).",
  },
  fr: {
    silent:
      "⚠️ Les webhooks de Plane n’arrivent plus : une modification d’essai n’a pas été annoncée en une minute. Les changements sont encore trouvés, par interrogation. `npm run doctor` en cherche la raison.",
    back: "✅ Les webhooks de Plane arrivent de nouveau ({n} s).",
  },
} as const;

/** The one message that says that webhooks have fallen silent, or are back; none where there is no chat. */
export function noticeJobs({ telegram, locale }: Pick<Settings, "telegram" | "locale">, told: Told): Job[] {
  if (!telegram) return [];
  const language = locale === "fr" ? "fr" : "en";
  const text = TEXTS[language][told.what].replace("{n}", String(Math.round((told.took ?? 0) / 1000)));
  const rich = plain(text.replaceAll("`", ""));
  const answer = { rich: { text: rich.text, entities: [] }, language };
  return [
    {
      id: `canary:${told.what}:${told.since}`,
      queue: "outbox",
      lane: `telegram:${telegram.chat}`,
      body: { answer, correlation: told.correlation },
    },
  ];
}
