/** /page: a one-time link to the page for the person whose number it is, in the private chat only. */

import { keepDefined } from "../../../shared/omit-undefined.ts";
import { findPerson } from "../../../shared/people/directory.ts";
import { addLinkMessage, createSecret, storeSignInLink } from "../../../shared/people/sign-in-links.ts";
import { joinRichText, toLink, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { fillTemplate } from "../presentation/presentation.ts";
import { isAlone } from "./arguments.ts";
import { type CommandContext, type CommandResult, replyText, type TelegramCommand } from "./command.ts";

export const pageCommand: TelegramCommand = {
  name: "page",
  aliases: ["connexion"],
  isMeant: isAlone,
  run: sendSignInLink,
};

/**
 * Sends the link without the queue: neither a job nor the log of messages may hold its secret. A repeated update sends
 * another link.
 */
async function sendSignInLink(context: CommandContext): Promise<CommandResult> {
  const { deps, chat, from, presentation } = context;
  const { publicUrl, texts } = presentation;
  const { signIn } = texts.answers;
  if (publicUrl === undefined) return replyText(`⚠️ ${signIn.noAddress}`);
  // What is written at the page has no number of its own.
  const person = context.message && (await findPerson(deps, { telegram: from.id }));
  if (person?.id === undefined || person.role === undefined) return replyText(`⚠️ ${signIn.unknown}`);
  if (person.doubtedAt !== undefined) return replyText(`⚠️ ${signIn.doubted}`);
  const secret = createSecret();
  const url = `${publicUrl}/sign-in#${secret}`;
  await storeSignInLink(deps, secret, { person: person.id, language: texts.locale });
  const link = toLink(`🔑 ${signIn.link}`, url, [new URL(publicUrl).origin]);
  const lines = keepDefined([
    link,
    // Telegram links no host without a dot.
    link.entities.length === 0 ? url : undefined,
    fillTemplate(signIn.hint, { name: toSafeText(person.name, 80) }),
  ]);
  const sent = await deps.telegram?.sendMessage(from.id, joinRichText(lines, "\n"), { isProtected: true });
  if (sent?.kind !== "sent") return replyText(`⚠️ ${signIn.unreachable}`);
  await addLinkMessage(deps, secret, { chat: from.id, messageId: sent.messageId });
  return chat === from.id ? {} : replyText(`🔑 ${signIn.sent}`);
}
