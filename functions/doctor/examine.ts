import { localUrl } from "../../shared/config/local-url.ts";
import type { ParsedSettings, Settings } from "../../shared/config.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { createRedact } from "../../shared/redact.ts";
import { createBot } from "../../shared/telegram/bot.ts";
import { agentChecks } from "./agents.ts";
import { type Check, ok } from "./check.ts";
import { openclawChecks } from "./openclaw.ts";
import { type SkillProbe, skillChecks } from "./openclaw-skill.ts";
import { planeChecks } from "./plane.ts";
import { type AskDeps, createAsk } from "./plane-ask.ts";
import { type Account, seeWebhook, webhookCheck } from "./plane-webhook.ts";
import { comesBack, publicCheck, type RuntimeSeen, runtimeChecks, seeRuntime } from "./runtime.ts";
import { fileChecks, type PrivateFile, settingsChecks } from "./settings.ts";
import { type StoreSeen, storeChecks } from "./store.ts";
import { telegramChecks } from "./telegram.ts";

export interface DoctorDeps extends AskDeps {
  parsed: ParsedSettings;
  /** Looks at the store without opening it; asked only where it may be. */
  seeStore: (settings: Settings) => Promise<StoreSeen>;
  /** Looks for the skill on this machine; asked only where agents are woken through OpenClaw. */
  skill: SkillProbe;
  /** Files that should be their owner's alone. */
  files: readonly PrivateFile[];
  /** A person's account in Plane, for what no API key can read. */
  account?: Account | undefined;
  /** Where Plane's webhook should lead; default `/webhooks/plane` at PUBLIC_URL. */
  webhookTarget?: string | undefined;
}

export interface Findings {
  checks: Check[];
  /** Nothing failed; warnings do not count. */
  ok: boolean;
  /** The settings cannot be used, so nothing else was looked at. */
  settingsFailed: boolean;
}

/** Looks at everything the settings name and changes nothing. No finding holds a secret. */
export async function examine(deps: DoctorDeps): Promise<Findings> {
  const { parsed, files } = deps;
  const first = [...settingsChecks(parsed), ...fileChecks(files)];
  if (!parsed.ok) return { checks: first, ok: false, settingsFailed: true };
  const { settings } = parsed;
  const checks = settings.demo ? first : [...first, ...(await lookAround(deps, settings))];
  const redact = createRedact([...settings.secrets, ...(deps.account ? [deps.account.password] : [])]);
  const clean = checks.map((check) => ({ ...check, detail: redact(check.detail) }));
  return { checks: clean, ok: clean.every(({ status }) => status !== "failed"), settingsFailed: false };
}

async function lookAround(deps: DoctorDeps, settings: Settings): Promise<Check[]> {
  // With 0 it chooses its port itself.
  const url = settings.port === 0 ? undefined : localUrl(settings);
  const seen: RuntimeSeen | undefined = url ? await seeRuntime(deps, url, settings.adminTokens[0]) : undefined;
  const store = storeChecks(await deps.seeStore(settings), seen?.alive === true);
  const runtime =
    url && seen ? runtimeChecks(url, seen, settings) : [ok("runtime", "not asked: PORT is 0, any free one")];
  const { publicUrl } = settings;
  const open = publicUrl ? [publicCheck(publicUrl, await seeRuntime(deps, publicUrl, undefined))] : [];
  const plane = await lookAtPlane(deps, settings, comesBack(seen));
  const telegram = settings.telegram
    ? await telegramChecks(
        createBot({ ...settings.telegram, fetch: deps.fetch, metrics: noMetrics, timeout: 10_000 }),
        settings,
      )
    : [];
  const openclaw = [...(await openclawChecks(deps, settings)), ...(await skillChecks(deps.skill, settings))];
  return [...store, ...runtime, ...open, ...plane, ...telegram, ...openclaw];
}

async function lookAtPlane(deps: DoctorDeps, settings: Settings, isHeard: boolean): Promise<Check[]> {
  const { plane, publicUrl } = settings;
  if (!plane) return [];
  const ask = createAsk(deps, plane);
  const { reachable, checks } = await planeChecks(ask, plane, deps.clock);
  if (!reachable) return checks;
  const target = deps.webhookTarget ?? (publicUrl && `${publicUrl}/webhooks/plane`);
  const seen =
    deps.account && target && plane.webhookSecrets.length > 0
      ? await seeWebhook(deps, plane, target, deps.account)
      : ({ kind: "not read", why: "not looked at" } as const);
  return [...checks, webhookCheck(plane, target, seen, isHeard), ...(await agentChecks(ask, settings))];
}
