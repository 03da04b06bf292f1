import { expect, it } from "vitest";
import { watchSecrets } from "../../runtime/watch-secrets.ts";
import { wait } from "../../shared/wait.ts";
import { startTestRuntime } from "../support/test-runtime.ts";

it("A secrets file whose folder cannot be looked into for a while stops nothing, which is said once", async () => {
  const { deps, reload, settings, lines } = await startTestRuntime();
  const over = new AbortController();
  let looks = 0;
  const fingerprint = () => {
    looks += 1;
    if (looks === 6) over.abort();
    if (looks === 1 || looks > 4) return "the same";
    throw new Error("EACCES: permission denied, stat 'data/secrets.json'");
  };
  const read = () => ({ ok: true as const, settings, warnings: [] });
  await watchSecrets({ running: { deps, reload }, read, fingerprint, wait, signal: over.signal, every: 1 });
  const said = lines.filter(({ level }) => level === "error");
  expect(said).toEqual([expect.objectContaining({ error: expect.stringContaining("EACCES") })]);
});
