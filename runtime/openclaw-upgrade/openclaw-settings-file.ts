import { posix } from "node:path";
import { loadOpenclawConfig } from "../../functions/doctor/openclaw-config-file.ts";
import type { Deadline } from "./deadline.ts";
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
