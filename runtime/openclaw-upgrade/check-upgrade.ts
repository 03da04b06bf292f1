/** The checks before an upgrade: versions, OpenClaw's settings, and who may write to its agents. */

import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { parseEnv } from "node:util";
import { z } from "zod";
import { createReport, type Finding } from "../../functions/doctor/findings.ts";
import { loadOpenclawConfig } from "../../functions/doctor/openclaw-access.ts";
import { cleanLine } from "../../shared/text.ts";
import { checkReach, probeGateway } from "./smoke-test.ts";
import { inspect, type StepContext } from "./upgrade-driver.ts";
import type { UpgradeVersions } from "./upgrade-record.ts";

const policySchema = z.looseObject({ dmPolicy: z.string().optional(), allowFrom: z.array(z.unknown()).optional() });

const telegramSchema = policySchema.extend({ accounts: z.record(z.string(), policySchema).optional() });

const configSchema = z.looseObject({ channels: z.looseObject({ telegram: telegramSchema.optional() }).optional() });

/** How grave each status is; the gravest account speaks for the channel. */
const SEVERITY: readonly Finding["status"][] = ["ok", "skipped", "warning", "failed"];

const SECRET_NAME = /token|secret|passw|key|auth|credential/i;

/** Checks everything that an upgrade needs. Changes nothing. */
export async function checkUpgrade(context: StepContext, versions: UpgradeVersions): Promise<Finding[]> {
  const { driver, remaining } = context;
  const findings = [checkPinned(driver.readPinned(), versions), checkKnown(versions.to, context.knownVersions)];
  findings.push(await probeGateway(context));
  const tools = await driver.checkTools(remaining());
  findings.push(tools);
  // Without its programs every further check would only report the same cause in other words.
  if (tools.status === "failed") return findings;
  const install = () => driver.checkInstallation(versions.to, remaining());
  findings.push(...(await inspect("installation", "Fix it, then run the same command again.", install)));
  const reached = await checkReach(context);
  if (reached.length === 0) reached.push(createReport("reach").skipped`"reach" in the settings names nothing`);
  findings.push(...reached);
  const readPolicies = async () => [checkDirectMessages(await readOpenclawSettings(context))];
  const todo = 'Fix the file, or "state" in the settings of upgrades.';
  return [...findings, ...(await inspect("settings", todo, readPolicies))];
}

function checkPinned(pinned: string, { from, to }: UpgradeVersions): Finding {
  const { ok, failed } = createReport("version");
  if (pinned === from) return ok`${from} is pinned`;
  if (pinned === to) return ok`${to} is pinned already: nothing is left to upgrade`;
  return failed`${pinned} is pinned, not ${from} → Run the command with --from ${pinned}.`;
}

function checkKnown(to: string, known: readonly string[] | undefined): Finding {
  const { ok, skipped, warning } = createReport("known version");
  if (known === undefined) return skipped`this installation has no list of known versions`;
  if (known.includes(to)) return ok`Groundcrew is known to work with ${to}`;
  return warning`Groundcrew was not tried with ${to}, only with ${known.join(", ")}
    → Go on if you want to: the smoke test decides.`;
}

/**
 * Checks who may write to the agents in Telegram, for the channel and for each account that has its own policy. With the
 * policy `allowlist` and nobody on the list, 2026.2 refuses its settings and 2026.9 drops every message without a word.
 */
export function checkDirectMessages(config: unknown): Finding {
  const { ok, failed } = createReport("direct messages");
  const parsed = configSchema.safeParse(config);
  if (!parsed.success)
    return failed`channels.telegram in OpenClaw's settings is not valid → Fix dmPolicy and allowFrom.`;
  const telegram = parsed.data.channels?.telegram;
  if (!telegram) return ok`OpenClaw has no Telegram channel`;
  const { accounts = {}, ...channel } = telegram;
  const findings = Object.entries(accounts).map(([name, account]) =>
    checkPolicy({ ...channel, ...account }, `account ${cleanLine(name, 40)}: `),
  );
  // Without a policy of its own the channel has only those of its accounts.
  if (findings.length === 0 || channel.dmPolicy !== undefined) findings.unshift(checkPolicy(channel, ""));
  const [gravest] = findings.toSorted((a, b) => SEVERITY.indexOf(b.status) - SEVERITY.indexOf(a.status));
  return gravest ?? ok`no account`;
}

function checkPolicy({ dmPolicy = "pairing", allowFrom = [] }: z.output<typeof policySchema>, place: string): Finding {
  const { ok, warning, failed } = createReport("direct messages");
  const todo = 'Set dmPolicy of channels.telegram to "allowlist", with the numbers of your users in allowFrom.';
  if (dmPolicy === "open" || (dmPolicy === "allowlist" && allowFrom.includes("*")))
    return failed`${place}everyone may write to the agents → ${todo}`;
  if (dmPolicy === "allowlist" && allowFrom.length === 0)
    return failed`${place}the allow-list is empty, so nobody can write to the agents
      → Add your Telegram user's number to allowFrom of channels.telegram.`;
  if (dmPolicy === "allowlist") return ok`${place}an allow-list of ${allowFrom.length}`;
  if (dmPolicy === "disabled") return ok`${place}policy disabled`;
  return warning`${place}policy ${cleanLine(dmPolicy, 40)} without an allow-list: strangers can ask to be paired
    → ${todo}`;
}

/** Reads OpenClaw's settings with the files they include. Throws an Error for people, which quotes nothing of them. Their secrets are noted for reports. */
export async function readOpenclawSettings({ driver, settings, secrets, remaining }: StepContext): Promise<unknown> {
  let failure: unknown;
  const loaded = await loadOpenclawConfig({
    path: posix.join(settings.state, "openclaw.json"),
    isConfigured: true,
    read: (path) =>
      driver.readFile(path, remaining()).catch((thrown: unknown) => {
        failure = thrown;
        throw thrown;
      }),
    resolve: (from, included) => posix.resolve(posix.dirname(from), included),
  });
  // The driver's own message names the file and says why.
  if (failure !== undefined) throw failure;
  if (!loaded || "problem" in loaded) throw new Error(loaded?.problem ?? "OpenClaw's settings cannot be read");
  secrets.push(...listConfigSecrets(loaded.config));
  return loaded.config;
}

/** The texts in OpenClaw's settings under names that say that they are secret. */
function listConfigSecrets(config: unknown, isSecret = false): string[] {
  if (typeof config === "string") return isSecret ? [config] : [];
  if (typeof config !== "object" || config === null) return [];
  return Object.entries(config).flatMap(([name, value]) =>
    // A list below such a name, and the numbers as names of its entries, are secret as well.
    listConfigSecrets(value, SECRET_NAME.test(name) || (isSecret && /^\d+$/.test(name))),
  );
}

/** The values of an environment file whose names say that they are secret; none when it cannot be read. */
export function listFileSecrets(path: string): string[] {
  try {
    const entries = Object.entries(parseEnv(readFileSync(path, "utf8")));
    return entries.flatMap(([name, value]) => (SECRET_NAME.test(name) && value ? [value] : []));
  } catch {
    return [];
  }
}
