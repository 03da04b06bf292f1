import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import {
  parseUpgradeSettings,
  type UpgradeContext,
  type UpgradeDriver,
} from "../../../runtime/openclaw-upgrade/upgrade-driver.ts";
import { openRecordFile, type UpgradeRecord } from "../../../runtime/openclaw-upgrade/upgrade-record.ts";
import type { Ms } from "../../../shared/time.ts";

export const FROM = "2026.2.23";
export const TO = "2026.2.26";

/** A clock that moves to the next end of a wait as soon as nothing else happens. */
function createTestClock() {
  const start = Date.parse("2026-11-23T12:00:00Z");
  let now: Ms = start;
  let timers: { due: Ms; end: () => void }[] = [];
  let isPumping = false;

  async function pump() {
    isPumping = true;
    while (timers.length > 0) {
      // Real files are read and written in between, which takes several turns of the event loop.
      // Real reads and writes of files take none of this clock's time, however slow the machine is.
      for (let turn = 0; turn < 200; turn += 1) {
        await new Promise((done) => setImmediate(done));
        if (process.getActiveResourcesInfo().some((name) => name.startsWith("FSReq"))) turn = 0;
      }
      const [first] = timers.toSorted((a, b) => a.due - b.due);
      if (!first) continue;
      now = Math.max(now, first.due);
      first.end();
    }
    isPumping = false;
  }

  return {
    now: () => now,
    getElapsed: () => now - start,
    advance: (ms: Ms) => {
      now += ms;
    },
    wait: (ms: Ms, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        if (signal?.aborted) return resolve();
        const timer = {
          due: now + ms,
          end: () => {
            timers = timers.filter((one) => one !== timer);
            resolve();
          },
        };
        timers.push(timer);
        signal?.addEventListener("abort", timer.end, { once: true });
        if (!isPumping) void pump();
      }),
  };
}

/** An upgrade with a driver that only notes what it is asked, and a clock of its own. */
export function createUpgrade(change: Partial<UpgradeDriver> = {}, gateway: () => boolean = () => true) {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-budget-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const clock = createTestClock();
  let pinned: string = TO;
  /** What each call of the driver was given, by its name. */
  const given: [string, Ms][] = [];
  const note = (name: string) => async (timeout: Ms) => void given.push([name, timeout]);
  const driver: UpgradeDriver = {
    kind: "compose",
    readPinned: () => pinned,
    pin: async (version) => {
      pinned = version;
    },
    tools: [],
    runTool: async () => ({ status: 0, stdout: "", stderr: "" }),
    checks: {},
    workspaces: [],
    owner: "1000:1000",
    fetchVersion: async () => {},
    identifyGateway: async () => "",
    stop: note("stop"),
    start: note("start"),
    transfer: async (_args, { input }, timeout) => (input === undefined ? undefined : note("restore")(timeout)),
    exec: async () => ({ status: 0, stdout: "", stderr: "" }),
    runOpenclaw: async () => ({ status: 0, stdout: "", stderr: "" }),
    readLog: async () => "",
    scanImages: async () => [],
    ...change,
  };
  const settings = parseUpgradeSettings("x.json", '{"driver":"compose","folder":"/srv","agent":"imhotep"}');
  if ("problem" in settings) throw new Error(settings.problem);
  const context: UpgradeContext = {
    driver,
    settings,
    records: openRecordFile(folder),
    hookToken: "marked-secret-hook-token",
    knownVersions: undefined,
    secrets: [],
    progress: () => {},
    clock: clock.now,
    wait: clock.wait,
    fetch: async () =>
      gateway()
        ? new Response('{"ok":false,"error":"message required"}', { status: 400 })
        : Promise.reject(new Error("ECONNREFUSED")),
  };
  return { context, given, getElapsed: clock.getElapsed, advance: clock.advance, folder };
}

export const RECORD: UpgradeRecord = {
  ...{ format: 1, id: "2026-11-23T12-00-00-000Z", from: FROM, to: TO, driver: "compose", state: "running" },
  ...{ startedAt: 0, steps: [], logLines: [] },
};
