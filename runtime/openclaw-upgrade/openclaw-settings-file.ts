import { posix } from "node:path";
import { z } from "zod";
import { reportFailure, reportOk } from "../../functions/doctor/check.ts";
import { loadOpenclawConfig } from "../../functions/doctor/openclaw-config-file.ts";
import type { Deadline } from "./deadline.ts";
import type { Finding } from "./finding.ts";
import { listConfigSecrets } from "./list-secrets.ts";
import type { UpgradeContext } from "./upgrade-context.ts";

/** Limit of files that include each other: 20, so that a loop ends. */
const MAX_FILES = 20;

class UnreadFileError extends Error {
  readonly path: string;
  constructor(path: string) {
    super(`${path} was not read yet`);
    this.path = path;
  }
}

/** Reads OpenClaw's settings with the files they include. Throws an Error for people, which quotes nothing of them. Their secrets are noted for reports. */
export async function readOpenclawSettings(
  { driver, settings, secrets }: Pick<UpgradeContext, "driver" | "settings" | "secrets">,
  deadline: Deadline,
): Promise<unknown> {
  const texts = new Map<string, string | undefined>();
  for (let count = 0; count <= MAX_FILES; count += 1) {
    let missing: string | undefined;
    const loaded = loadOpenclawConfig({
      path: posix.join(settings.state, "openclaw.json"),
      isConfigured: true,
      read(path) {
        if (texts.has(path)) return texts.get(path);
        missing ??= path;
        throw new UnreadFileError(path);
      },
      resolve: (from, included) => posix.resolve(posix.dirname(from), included),
    });
    if (missing === undefined) {
      if (loaded && "config" in loaded) {
        secrets.push(...listConfigSecrets(loaded.config));
        return loaded.config;
      }
      throw new Error(loaded?.problem ?? "OpenClaw's settings cannot be read");
    }
    texts.set(missing, await driver.readFile(missing, deadline.remaining()));
  }
  throw new Error("OpenClaw's settings include too many files");
}

const channelSchema = z.looseObject({ dmPolicy: z.string().optional(), allowFrom: z.array(z.unknown()).optional() });
const configSchema = z.looseObject({ channels: z.looseObject({ telegram: channelSchema.optional() }).optional() });

/**
 * Checks who may write to the agents in Telegram. With the policy `allowlist` and nobody on the list, 2026.2 refuses
 * its settings and 2026.9 drops every message without a word.
 */
export function checkDirectMessages(config: unknown): Finding {
  const name = "direct messages";
  const parsed = configSchema.safeParse(config);
  if (!parsed.success)
    return reportFailure(name, "channels.telegram in OpenClaw's settings is not valid", "Fix dmPolicy and allowFrom.");
  const telegram = parsed.data.channels?.telegram;
  if (!telegram) return reportOk(name, "OpenClaw has no Telegram channel");
  const { dmPolicy = "pairing", allowFrom = [] } = telegram;
  if (dmPolicy === "open")
    return reportFailure(name, "everyone may write to the agents", 'Set channels.telegram.dmPolicy to "allowlist".');
  if (dmPolicy === "allowlist" && allowFrom.length === 0)
    return reportFailure(
      name,
      "the allow-list is empty, so nobody can write to the agents",
      "Add your Telegram user's number to channels.telegram.allowFrom.",
    );
  return reportOk(name, dmPolicy === "allowlist" ? `an allow-list of ${allowFrom.length}` : `policy ${dmPolicy}`);
}
