import type { Deps, Service } from "../../shared/deps.ts";
import { sha256Hex } from "../../shared/digest.ts";
import { messageOf } from "../../shared/errors.ts";
import type { Ms } from "../../shared/store/port.ts";
import type { Bot, Command, Failure } from "../../shared/telegram/bot.ts";
import { webhookSecrets } from "../../shared/telegram/secret.ts";
import { ALLOWED_UPDATES } from "../../shared/telegram/updates.ts";
import { MENU } from "./menu.ts";

const AGAIN_MS: Ms = 60_000;
/** Telegram does not tell a webhook's secret: what was registered last is remembered by its hash. */
export const REGISTERED = "telegram-registered";

type SetUpDeps = Pick<Deps, "settings" | "store" | "telegram" | "log" | "wait" | "stopping">;

/** Brings the bot's webhook and command menu in line with the settings, when they differ; tries until it is done. */
export const setUp: Service = {
  name: "telegram-set-up",
  async run(deps) {
    while (!deps.stopping.aborted) {
      const left = await setUpOnce(deps).catch((thrown: unknown) => messageOf(thrown));
      if (left === undefined) return;
      deps.log.warn("the telegram bot is not set up yet", { reason: left });
      await deps.wait(AGAIN_MS, deps.stopping);
    }
  },
};

/** Answers why it is not done; undefined when it is. */
export async function setUpOnce(deps: SetUpDeps): Promise<string | undefined> {
  const { telegram: bot, settings } = deps;
  if (!bot || !settings.telegram) return undefined;
  // Without the webhook nobody is heard: a menu that is refused does not keep it waiting.
  const failed: (string | undefined)[] = [];
  for (const [language, commands] of Object.entries(MENU)) failed.push(await bringMenu(bot, language, commands));
  failed.push(await bringWebhook(deps, bot));
  return failed.find((reason) => reason !== undefined);
}

async function bringMenu(bot: Bot, language: string, wanted: readonly Command[]): Promise<string | undefined> {
  const now = await bot.commands(language);
  if (now.kind !== "commands") return reasonOf(now);
  if (JSON.stringify(now.commands) === JSON.stringify(wanted)) return undefined;
  const set = await bot.setCommands(language, wanted);
  return set.kind === "done" ? undefined : reasonOf(set);
}

async function bringWebhook({ settings, store, log }: SetUpDeps, bot: Bot): Promise<string | undefined> {
  const { telegram, publicUrl } = settings;
  if (!telegram) return undefined;
  const [secret = ""] = await webhookSecrets(telegram);
  const url = telegram.mode === "webhook" && publicUrl ? `${publicUrl}/webhooks/telegram` : "";
  const now = await bot.webhook();
  if (now.kind !== "webhook") return reasonOf(now);
  if (now.lastError) log.warn("telegram could not deliver to the webhook lately", { reason: now.lastError });
  const mark = await sha256Hex(`${url} ${secret}`);
  const [registered] = await store.read<{ mark: string }>([REGISTERED]);
  const same = now.url === url && (url === "" || registered?.value.mark === mark);
  const allowed = ALLOWED_UPDATES.every((kind) => now.allowed.includes(kind));
  if (same && (url === "" || allowed)) return undefined;
  const set = await bot.setWebhook(url, secret);
  if (set.kind !== "done") return reasonOf(set);
  await store.commit({ put: [{ key: REGISTERED, value: { mark } }] });
  log.info(url === "" ? "telegram webhook taken away: updates are polled" : "telegram webhook set", { url });
  return undefined;
}

function reasonOf(failure: Failure): string {
  return failure.kind === "wait" ? `too many calls, wait ${failure.ms} ms` : failure.reason;
}
