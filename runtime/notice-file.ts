/**
 * What outlives the store: the notices about the store itself, and when it worked last, in a small file; and what is
 * said when the product starts without its store.
 */

import { dirname, join } from "node:path";
import type { Deps } from "../shared/app/deps.ts";
import { createStoreHealth } from "../shared/app/health.ts";
import type { Settings } from "../shared/config/settings.ts";
import { noMetrics } from "../shared/metrics.ts";
import { createNotices, type LocalNotices } from "../shared/notices/notices.ts";
import { omitUndefined } from "../shared/omit-undefined.ts";
import { createTelegramBot } from "../shared/telegram/bot.ts";
import { createRedactor } from "../shared/text.ts";
import { openPaddedFile } from "./node/files.ts";
import { parseStoreFolder } from "./stores/open-store.ts";
import { createMemoryStore } from "./stores/sqlite-store.ts";

/** A store that another process has open does not fail: this process is one too many. */
const IN_USE = /already open/;

/** The file: beside the embedded store, else beside the secrets. Undefined for the store in memory. */
export function openNoticeFile({ store: { url }, secretsFile }: Pick<Settings, "store" | "secretsFile">) {
  if (url === "memory:") return undefined;
  return openPaddedFile(join(url.startsWith("file:") ? parseStoreFolder(url) : dirname(secretsFile), "notices.json"));
}

/** Says that the store cannot be opened, once however often the start is repeated, and throws the error again. */
export async function reportFailedStart(
  settings: Settings,
  deps: Pick<Deps, "log" | "clock" | "fetch">,
  local: LocalNotices,
  thrown: unknown,
): Promise<never> {
  const health = createStoreHealth(createRedactor(settings.secrets));
  health.recordFailure(thrown, true);
  const failure = health.getFailure();
  if (failure && !IN_USE.test(failure.reason)) {
    const telegram =
      settings.telegram && createTelegramBot({ ...settings.telegram, fetch: deps.fetch, metrics: noMetrics });
    const store = createMemoryStore(deps);
    const parts = { ...deps, store, settings, notify: () => {}, ...omitUndefined({ telegram }) };
    await createNotices(parts, local).report(failure.kind, { values: { reason: failure.reason } });
    await store.close();
  }
  throw thrown;
}
