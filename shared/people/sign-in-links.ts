/**
 * One-time links by which a person signs in to the page: the bot sends one to the person whose number in Telegram it
 * is. The secret is in the link's fragment, which no request, preview or log contains; the page exchanges it by POST,
 * once and within 5 minutes. The store has only its hash.
 */

import { encodeBase64Url } from "hono/utils/encode";
import type { Deps } from "../app/deps.ts";
import { sha256Hex } from "../hashing.ts";
import { formatTemplate, type Locale } from "../i18n/localize.ts";
import { getTexts } from "../i18n/texts.ts";
import { createReplacementJob } from "../jobs/outgoing-jobs.ts";
import type { StoreKey } from "../store/port.ts";
import { updateValue } from "../store/records.ts";
import type { ChatId } from "../telegram/bot.ts";
import { toPlainText } from "../telegram/rich-text.ts";
import { isRecent, MINUTE, type Ms } from "../time.ts";
import { findPerson, type Person } from "./directory.ts";

/** A link that was not used yet. */
interface SignInLink {
  /** Plane's id of the person. */
  person: string;
  language: Locale;
  /** Store time at which it was made. */
  at: Ms;
  message?: LinkMessage;
}

/** The message that has the link. */
interface LinkMessage {
  chat: ChatId;
  messageId: number;
}

type LinkDeps = Pick<Deps, "store" | "settings">;

/** Time in which a link must be used: 5 minutes. */
const LINK_MS: Ms = 5 * MINUTE;

/** Creates a secret of 32 random bytes: 43 characters that are safe in a URL. */
export function createSecret(): string {
  return encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)).buffer).replace("=", "");
}

async function linkKey(secret: string): Promise<StoreKey> {
  return `sign-in-link:${await sha256Hex(secret)}`;
}

/** Stores a link by the hash of its secret, before the message with it is sent. */
export async function storeSignInLink(
  { store }: LinkDeps,
  secret: string,
  link: Pick<SignInLink, "person" | "language">,
): Promise<void> {
  const value: SignInLink = { ...link, at: await store.now() };
  await store.commit({ put: [{ key: await linkKey(secret), value, expires: LINK_MS }] });
}

/** Adds the message that was sent, unless the link was used already. */
export async function addLinkMessage(deps: LinkDeps, secret: string, message: LinkMessage): Promise<void> {
  const key = await linkKey(secret);
  await updateValue<SignInLink>(deps, key, (link) =>
    link ? { put: [{ key, value: { ...link, message }, expires: LINK_MS }] } : undefined,
  );
}

/**
 * Uses a link up and returns the person whose it is; undefined for anything else, also for one that was used or is late.
 * Its message then says where it was used.
 * @param place where: the browser and the address
 */
export async function redeemSignInLink(
  deps: LinkDeps,
  secret: string,
  place: string,
  correlation: string,
): Promise<Person | undefined> {
  const key = await linkKey(secret);
  const [stored] = await deps.store.read<SignInLink>([key]);
  if (!stored || !isRecent(stored.value.at, LINK_MS, await deps.store.now())) return undefined;
  const { person, language, message } = stored.value;
  const used = formatTemplate(getTexts(language).telegram.answers.signIn.used, { place });
  const show = message && { messageId: message.messageId, rich: toPlainText(used), language };
  const jobs = message && show ? [createReplacementJob(message.chat, show, key, correlation)] : [];
  const commit = { expect: [[key, stored.rev] as [StoreKey, number]], put: [{ key, value: undefined }], jobs };
  if ((await deps.store.commit(commit)) !== "committed") return undefined;
  const found = await findPerson(deps, { id: person });
  return found?.doubtedAt === undefined ? found : undefined;
}
