import { expect, test } from "vitest";
import { watchSecrets } from "../../runtime/start-runtime.ts";
import { wait } from "../../shared/time.ts";
import { startTestRuntime } from "../support/test-runtime.ts";

test("A secrets file in a folder that is unreadable for a while is logged once and stops nothing", async () => {
  const { deps, reload, settings, lines } = await startTestRuntime();
  const stopping = new AbortController();
  let checks = 0;
  const getFingerprint = () => {
    checks += 1;
    if (checks === 6) stopping.abort();
    if (checks === 1 || checks > 4) return "the same";
    throw new Error("EACCES: permission denied, stat 'data/secrets.json'");
  };
  const readSettings = () => ({ ok: true as const, settings, warnings: [] });
  await watchSecrets({
    running: { deps, reload },
    readSettings,
    getFingerprint,
    wait,
    signal: stopping.signal,
    interval: 1,
  });
  const errors = lines.filter(({ level }) => level === "error");
  expect(errors).toEqual([expect.objectContaining({ error: expect.stringContaining("EACCES") })]);
});
