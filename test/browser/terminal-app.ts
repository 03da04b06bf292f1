import { rmSync } from "node:fs";
import type { Frame } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import { parseRunnerSettings } from "../../runtime/runner/runner-context.ts";
import { startRunner } from "../../runtime/runner/start-runner.ts";
import { createLog } from "../../shared/log.ts";
import { createRunnerHost } from "../runtime/runner/runner-host.ts";
import type { TestPage } from "./browser.ts";
import { openSignedInPage, PAGE_ADMIN_TOKEN, startPageTestApp } from "./page-test-app.ts";

const RUNNER_TOKEN = "runner-token-of-the-browser-tests";
/** Timeout for a state that needs several processes: far more than it takes, on a busy machine as well. */
export const STATE_TIMEOUT = { timeout: 60_000 };

/** Starts the product and a runner with the real tmux and git and the stand-in for Claude Code. */
export async function startTerminalApp() {
  const host = createRunnerHost();
  const tickets = { repositories: { ONB: host.repository } };
  const app = await startPageTestApp({ RUNNER_TOKEN, POLL_CRON: "0 0 1 1 *" }, undefined, { tickets });
  const stop = new AbortController();
  const env = { ...host.env, GROUNDCREW_URL: app.url };
  const settings = parseRunnerSettings(env, RUNNER_TOKEN, app.deps().settings.tickets);
  if ("problems" in settings) throw new Error(settings.problems.join(" "));
  const log = createLog({ level: "info", write: (line) => void app.logLines.push(line), clock: Date.now });
  const running = startRunner(settings, { env, log, signal: stop.signal });
  onTestFinished(async () => {
    stop.abort();
    await running;
    host.tmux("kill-server");
    rmSync(host.folder, { recursive: true, force: true });
  });

  async function call(path: string, body?: object) {
    const response = await fetch(app.url + path, {
      method: body ? "POST" : "GET",
      headers: { authorization: `Bearer ${PAGE_ADMIN_TOKEN}`, "content-type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    // biome-ignore lint/suspicious/noExplicitAny: tests compare the answers of many routes as they are.
    return (await response.json()) as any;
  }

  return {
    ...app,
    host,
    call,
    /** Adds a task that the stand-in follows, approves its ticket and waits until its session runs. Returns its key. */
    async startSession(steps: string[] = []): Promise<string> {
      const lines = steps
        .map((step) => `do: ${step}`)
        .join("\n")
        .replaceAll("&", "&amp;")
        .replaceAll("<", "&lt;");
      const item = app.plane.addItem(app.project, {
        name: "A session",
        description_html: `<pre><code>${lines}</code></pre>`,
      });
      const key = `ONB-${item.sequence_id}`;
      await app.deps().ticks.runFresh("poll");
      await expect
        .poll(
          async () => (await call("/api/pending-tickets")).tickets.map(({ id }: { id: string }) => id),
          STATE_TIMEOUT,
        )
        .toContain(key);
      await call(`/api/approve/${key}`, {});
      await expect
        .poll(async () => (await call("/api/sessions")).sessions[0]?.screen, STATE_TIMEOUT)
        .toContain("all done");
      return key;
    },
    /** Opens a terminal as a person who is signed in. */
    async openTerminal(key: string, options?: Parameters<typeof openSignedInPage>[1]) {
      const page = await openSignedInPage(app.url, options);
      await page.goto(`${app.url}/terminal/${key}`);
      return page;
    },
  };
}

/** The text of the picture that a terminal shows. */
export function readScreen(page: TestPage): Promise<string | null> {
  return page.frameLocator("#terminal-screen").locator(".xterm-rows").textContent(STATE_TIMEOUT);
}

/** The document of the picture. */
export function getScreenFrame(page: TestPage): Frame {
  const frame = page.frames().find((other) => other.url().endsWith("/terminal/screen"));
  if (!frame) throw new Error("There is no picture.");
  return frame;
}

/** The colour of a word in the picture; undefined while it is not shown by itself. */
export function readColor(page: TestPage, word: string): Promise<unknown> {
  return getScreenFrame(page).evaluate(`(() => {
    const el = [...document.querySelectorAll(".xterm-rows span")].find((span) => span.textContent === "${word}");
    return el && getComputedStyle(el).color;
  })()`);
}
