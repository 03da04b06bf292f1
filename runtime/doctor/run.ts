import { examine, type Findings } from "../../functions/doctor/examine.ts";
import { asJson, asText } from "../../functions/doctor/report.ts";
import { SECRETS_FILE } from "../../shared/config/environment.ts";
import { parseSettings } from "../../shared/config.ts";
import { files } from "../node/files.ts";
import { accountIn, privateFiles, webhookTargetIn } from "./files.ts";
import { createSkillProbe } from "./skill.ts";
import { seeStore } from "./store.ts";

/** `EX_CONFIG` and `EX_USAGE` of sysexits.h, and what every command says with 0 and 1. */
const EXIT = { well: 0, failed: 1, usage: 64, settings: 78 } as const;

interface World {
  env: Record<string, string | undefined>;
  out: (text: string) => void;
  err: (text: string) => void;
}

/** Runs `npm run doctor` with these arguments; answers its exit code. */
export async function run(args: readonly string[], { env, out, err }: World): Promise<number> {
  const unknown = args.find((arg) => arg !== "--json");
  if (unknown !== undefined) {
    const message = "Usage: npm run doctor, or npm run --silent doctor -- --json";
    err(`${message}\n`);
    if (args.includes("--json"))
      out(`${JSON.stringify({ checks: [], ok: false, error: { code: "usage", message } })}\n`);
    return EXIT.usage;
  }
  const parsed = parseSettings(env, files);
  const secretsFile = parsed.ok ? parsed.settings.secretsFile : env["SECRETS_FILE"]?.trim() || SECRETS_FILE;
  const findings = await examine({
    parsed,
    seeStore,
    skill: createSkillProbe(env),
    files: privateFiles(secretsFile),
    account: accountIn(env, secretsFile),
    webhookTarget: webhookTargetIn(env),
    fetch: (input, init) => fetch(input, init),
    clock: Date.now,
  });
  out(args.includes("--json") ? asJson(findings) : asText(findings));
  return exitOf(findings);
}

function exitOf({ ok, settingsFailed }: Findings): number {
  if (settingsFailed) return EXIT.settings;
  return ok ? EXIT.well : EXIT.failed;
}
