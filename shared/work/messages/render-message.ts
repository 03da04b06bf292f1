import type { TelegramTexts } from "../../i18n/texts/telegram-texts.ts";
import { joinRichText, type RichText, toBold, toPlainText } from "../../telegram/rich-text.ts";
import { toSafeText } from "../../telegram/safe-text.ts";

/** Renders an agent's message: the headline names the agent, and nothing in the text is markup. */
export function renderMessage(agent: string, text: string, { live, fromAgent, colon }: TelegramTexts): RichText {
  // The agent's name is in the headline, where no text of an agent can appear, so no agent can write in another's name.
  const headline = joinRichText([
    "💬 ",
    toBold(live.message),
    ` ${fromAgent} `,
    toSafeText(agent, 80),
    colon.trimEnd(),
  ]);
  const lines = text.replaceAll(/\n\s*\n/g, "\n\n").split("\n");
  const safeLines = lines.map((line) => (line.trim() === "" ? toPlainText("") : toSafeText(line, line.length)));
  return joinRichText([headline, ...safeLines], "\n");
}
