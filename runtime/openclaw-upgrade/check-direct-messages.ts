import { z } from "zod";
import { reportFailure, reportOk, reportWarning } from "../../functions/doctor/check.ts";
import { cleanLine } from "../../shared/clean-text.ts";
import type { Finding } from "./finding.ts";

const policySchema = z.looseObject({ dmPolicy: z.string().optional(), allowFrom: z.array(z.unknown()).optional() });
const telegramSchema = policySchema.extend({ accounts: z.record(z.string(), policySchema).optional() });
const configSchema = z.looseObject({ channels: z.looseObject({ telegram: telegramSchema.optional() }).optional() });

const NAME = "direct messages";

/** How grave each status is; the gravest account speaks for the channel. */
const SEVERITY: readonly Finding["status"][] = ["ok", "skipped", "warning", "failed"];

/**
 * Checks who may write to the agents in Telegram, for the channel and for each account that has its own policy. With the
 * policy `allowlist` and nobody on the list, 2026.2 refuses its settings and 2026.9 drops every message without a word.
 */
export function checkDirectMessages(config: unknown): Finding {
  const parsed = configSchema.safeParse(config);
  if (!parsed.success)
    return reportFailure(NAME, "channels.telegram in OpenClaw's settings is not valid", "Fix dmPolicy and allowFrom.");
  const telegram = parsed.data.channels?.telegram;
  if (!telegram) return reportOk(NAME, "OpenClaw has no Telegram channel");
  const { accounts = {}, ...channel } = telegram;
  const findings = Object.entries(accounts).map(([name, account]) =>
    checkPolicy({ ...channel, ...account }, `account ${cleanLine(name, 40)}: `),
  );
  // Without a policy of its own the channel has only those of its accounts.
  const own = findings.length === 0 || channel.dmPolicy !== undefined ? [checkPolicy(channel, "")] : [];
  const [gravest] = [...own, ...findings].toSorted((a, b) => SEVERITY.indexOf(b.status) - SEVERITY.indexOf(a.status));
  return gravest ?? reportOk(NAME, "no account");
}

function checkPolicy({ dmPolicy = "pairing", allowFrom = [] }: z.output<typeof policySchema>, place: string): Finding {
  if (dmPolicy === "open" || (dmPolicy === "allowlist" && allowFrom.includes("*")))
    return reportFailure(
      NAME,
      `${place}everyone may write to the agents`,
      'Set dmPolicy of channels.telegram to "allowlist", with the numbers of your users in allowFrom.',
    );
  if (dmPolicy === "allowlist" && allowFrom.length === 0)
    return reportFailure(
      NAME,
      `${place}the allow-list is empty, so nobody can write to the agents`,
      "Add your Telegram user's number to allowFrom of channels.telegram.",
    );
  if (dmPolicy === "allowlist") return reportOk(NAME, `${place}an allow-list of ${allowFrom.length}`);
  if (dmPolicy === "disabled") return reportOk(NAME, `${place}policy disabled`);
  return reportWarning(
    NAME,
    `${place}policy ${cleanLine(dmPolicy, 40)} without an allow-list: strangers can ask to be paired`,
    'Set dmPolicy of channels.telegram to "allowlist", with the numbers of your users in allowFrom.',
  );
}
