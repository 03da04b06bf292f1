/**
 * How updates arrive: the bot's registration of its webhook and command menu, and long polling where Telegram cannot
 * reach this machine.
 */

import type { Deps, Service } from "../../../shared/app/deps.ts";
import type { Settings } from "../../../shared/config/settings.ts";
import { getErrorMessage } from "../../../shared/errors.ts";
import { sha256Hex } from "../../../shared/hashing.ts";
import { type Locale, resolveLocale } from "../../../shared/i18n/localize.ts";
import { COMMAND_NAMES, getTexts } from "../../../shared/i18n/texts.ts";
import { createUnreadUpdateJob, createUpdateJob } from "../../../shared/jobs/incoming-jobs.ts";
import type { Consumption, Job } from "../../../shared/store/port.ts";
import { pauseBucket, reserveTurn } from "../../../shared/store/records.ts";
import type { BotFailure, CommandScope, MenuLanguage, TelegramBot } from "../../../shared/telegram/bot.ts";
import { getWebhookSecrets } from "../../../shared/telegram/chat-settings.ts";
import { ALLOWED_UPDATES } from "../../../shared/telegram/updates.ts";
import { MINUTE, type Ms } from "../../../shared/time.ts";

type BotSetupDeps = Pick<Deps, "settings" | "store" | "telegram" | "log" | "wait" | "stopping">;

type PollingDeps = Pick<Deps, "settings" | "store" | "telegram" | "log" | "newId" | "wait" | "stopping" | "notify">;

/** Interval for retries of the setup: 1 minute, so that a fixed setting soon takes effect. */
const RETRY_INTERVAL: Ms = MINUTE;

/** Holds a hash of the webhook registered last, because Telegram does not return a webhook's secret. */
export const REGISTERED_WEBHOOK_KEY = "telegram-registered";

const MENU_LANGUAGES = ["", "en", "fr"] as const satisfies readonly MenuLanguage[];

/** Makes the bot's webhook and command menu match the settings. Retries until it succeeds. */
export const botSetupService: Service = {
  name: "telegram-set-up",
  async run(deps) {
    while (!deps.stopping.aborted) {
      const problem = await setUpBot(deps).catch((thrown: unknown) => getErrorMessage(thrown));
      if (problem === undefined) return;
      deps.log.warn("telegram bot setup failed, retrying", { reason: problem });
      await deps.wait(RETRY_INTERVAL, deps.stopping);
    }
  },
};

/** Timeout for one long poll at Telegram: 25 s, below the 30 s timeout of a call. */
const LONG_POLL_S = 25;

/** Lease for polling: 45 s, longer than one call. After a crash, other processes wait this long at most. */
const LEASE_MS: Ms = 45_000;

/** Interval for retries: 5 s, while another process polls and after a failure. */
const PAUSE: Ms = 5_000;

const LEASE_NAME = "telegram-polling";

const OFFSET_KEY = "telegram-offset";

/** Polls are not limited in number; the bucket holds them after a 429, where operators can see and end it. */
const POLL: Consumption = { bucket: "telegram:updates", n: 1, limit: Number.MAX_SAFE_INTEGER, window: 1_000 };

/**
 * Polls Telegram for updates where it cannot reach our webhook. One process polls at a time. Updates are committed
 * together with the next offset, so none is lost and none is handled twice.
 */
export const telegramPollingService: Service = {
  name: "telegram-polling",
  async run(deps) {
    if (!deps.telegram || deps.settings.telegram?.mode !== "polling") return;
    const owner = deps.newId();
    while (!deps.stopping.aborted) {
      const pause = await pollTelegramOnce(deps, owner).catch((thrown: unknown) => {
        deps.log.warn("telegram polling failed, retrying", { error: getErrorMessage(thrown) });
        return PAUSE;
      });
      if (pause > 0) await deps.wait(pause, deps.stopping);
    }
  },
};

/** Returns the first problem; undefined on success. */
export async function setUpBot(deps: BotSetupDeps): Promise<string | undefined> {
  const { telegram: bot, settings } = deps;
  if (!bot || !settings.telegram) return undefined;
  // Without the webhook no update arrives, so it is set even if Telegram refuses the menu.
  const problems: (string | undefined)[] = [];
  const scopes = hasPrivateChats(settings) ? (["default", "all_private_chats"] as const) : (["default"] as const);
  for (const scope of scopes)
    for (const language of MENU_LANGUAGES)
      problems.push(await updateMenu(bot, scope, language, resolveLocale(settings.locale, language)));
  problems.push(await updateWebhook(deps, bot));
  return problems.find((reason) => reason !== undefined);
}

/** Whether the bot reads private messages: its chat is a private one, whose ids are positive, or people have their own. */
function hasPrivateChats({ telegram, people = [] }: Pick<Settings, "telegram" | "people">): boolean {
  const chat = telegram?.chat;
  return (typeof chat === "number" && chat > 0) || people.some((person) => person.telegram !== undefined);
}

/** Sets the bot's menu of a scope. In a private chat each command is listed, because it needs no `/plane`. */
async function updateMenu(bot: TelegramBot, scope: CommandScope, language: MenuLanguage, locale: Locale) {
  const { commandMenu, answers } = getTexts(locale).telegram;
  const wanted =
    scope === "default"
      ? [{ command: "plane", description: commandMenu }]
      : COMMAND_NAMES.map((command) => ({ command, description: answers.commands[command].what }));
  const current = await bot.getCommands(language, scope);
  if (current.kind !== "commands") return formatFailureReason(current);
  if (JSON.stringify(current.commands) === JSON.stringify(wanted)) return undefined;
  const outcome = await bot.setCommands(language, wanted, scope);
  return outcome.kind === "done" ? undefined : formatFailureReason(outcome);
}

function formatFailureReason(failure: BotFailure): string {
  return failure.kind === "wait" ? `too many calls, wait ${failure.ms} ms` : failure.reason;
}

async function updateWebhook({ settings, store, log }: BotSetupDeps, bot: TelegramBot): Promise<string | undefined> {
  const { telegram, publicUrl } = settings;
  if (!telegram) return undefined;
  const [secret = ""] = await getWebhookSecrets(telegram);
  const url = telegram.mode === "webhook" && publicUrl ? `${publicUrl}/webhooks/telegram` : "";
  const current = await bot.getWebhook();
  if (current.kind !== "webhook") return formatFailureReason(current);
  if (current.lastError) log.warn("telegram reports failed webhook deliveries", { reason: current.lastError });
  const fingerprint = await sha256Hex(`${url} ${secret}`);
  const [registered] = await store.read<{ mark: string }>([REGISTERED_WEBHOOK_KEY]);
  const isRegistered = current.url === url && (url === "" || registered?.value.mark === fingerprint);
  const hasAllowedUpdates = ALLOWED_UPDATES.every((kind) => current.allowed.includes(kind));
  if (isRegistered && (url === "" || hasAllowedUpdates)) return undefined;
  const outcome = await bot.setWebhook(url, secret);
  if (outcome.kind !== "done") return formatFailureReason(outcome);
  await store.commit({ put: [{ key: REGISTERED_WEBHOOK_KEY, value: { mark: fingerprint } }] });
  log.info(url === "" ? "telegram webhook removed: updates are polled" : "telegram webhook set", { url });
  return undefined;
}

/** Makes one call and stores its updates; returns how long to wait before the next call. */
export async function pollTelegramOnce(deps: PollingDeps, owner: string): Promise<Ms> {
  const { store, telegram, log, stopping } = deps;
  if (!telegram) return PAUSE;
  const lease = await store.lease(LEASE_NAME, owner, LEASE_MS);
  if (!("fence" in lease)) return PAUSE;
  const turn = await reserveTurn(store, "telegram", POLL, () => store.consumeAll([POLL]));
  if (turn.wait > 0) return Math.min(turn.wait, PAUSE);
  const [stored] = await store.read<{ next: number }>([OFFSET_KEY]);
  // A call that is still open when we stop confirms nothing: its updates will be delivered again.
  const outcome = await telegram.getUpdates(stored?.value.next ?? 0, LONG_POLL_S, stopping);
  if (stopping.aborted) {
    await store.release(LEASE_NAME, lease.fence);
    return 0;
  }
  if (turn.isProbe && outcome.kind === "updates") await store.endProbe(POLL.bucket);
  if (outcome.kind === "updates") {
    const last = outcome.updates.at(-1);
    if (!last) return 0;
    const result = await store.commit({
      expect: [[OFFSET_KEY, stored?.rev ?? 0]],
      fence: [LEASE_NAME, lease.fence],
      put: [{ key: OFFSET_KEY, value: { next: last.update_id + 1 } }],
      jobs: await Promise.all(outcome.updates.map(toJob)),
    });
    if (result === "committed") deps.notify();
    return 0;
  }
  if (outcome.kind === "conflict") {
    const { reason } = outcome;
    log.error("another program reads this telegram bot's updates: Groundcrew needs its own, not OpenClaw's", {
      reason,
    });
    return 6 * PAUSE;
  }
  if (outcome.kind !== "wait") return PAUSE;
  await pauseBucket(store, "telegram", POLL.bucket, outcome.ms);
  return Math.min(outcome.ms, PAUSE);
}

/** Creates the job of an update; one that cannot be read is kept too, because the next call acknowledges it. */
async function toJob(raw: { update_id: number }): Promise<Job> {
  const correlation = `update-${raw.update_id}`;
  const job = createUpdateJob(raw, correlation);
  if (job) return job;
  const text = JSON.stringify(raw);
  return createUnreadUpdateJob(await sha256Hex(text), { raw: text }, correlation);
}
