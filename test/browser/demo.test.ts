import { readFileSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { join, relative } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startDemo } from "../../demo/start.ts";
import { findDuplicated, parseCompletions } from "../reliability/completions.ts";
import { createTestSettings } from "../support/settings.ts";
import { createTestFolder } from "../support/test-folder.ts";
import { describeInChromium, openPage } from "./browser.ts";

// The product's process inherits the cache, without which each of its starts compiles everything anew.
enableCompileCache("node_modules/.cache/groundcrew");

const WAIT = { timeout: 60_000 };

const FATES = ["arrive", "drop", "double", "delay"] as const;

/**
 * How Groundcrew notices a change, according to the watch text of what happens to its webhooks. A poll that falls between
 * a change and its webhook sees the change first.
 */
const NOTICED_BY = { arrive: /webhook|poll/, drop: /poll/, double: /webhook|poll/, delay: /poll/ };

/** Further tasks that are moved while webhooks arrive; polls do not see all of them first. */
const ARRIVING = ["During the outage", "Mine <i>1</i>"];

async function startTestDemo() {
  const folder = createTestFolder("console");
  const output: string[] = [];
  const demo = await startDemo(createTestSettings({ PORT: "0" }), {
    write: (text) => void output.push(text),
    ...{ colour: false, pace: 200, speed: 4, folder: relative(process.cwd(), join(folder, "demo")) },
  });
  onTestFinished(() => demo.stop());
  return { ...demo, output };
}

/** The wish that the README proposes, word for word. */
function readWish() {
  const [, command = ""] = /`(\/plane new [^`]+)`/.exec(readFileSync("README.md", "utf8")) ?? [];
  const text = command.replace("/plane new ", "");
  return { command, text, project: text.charAt(0).toUpperCase() + text.slice(1) };
}

describeInChromium("The demo's console", () => {
  test("each control does what it says, what it tells to watch for comes true, and the wish of the README works word for word", async () => {
    const demo = await startTestDemo();
    // The kinds of all requests that wait for a person. Groundcrew is killed meanwhile.
    const kinds = new Set<string>();
    const read = async () => {
      const answer = await (await fetch(`${demo.url}/api/requests`)).json();
      const { requests } = answer as { requests: { kind: string }[] };
      for (const { kind } of requests) kinds.add(kind);
      return requests;
    };
    const timer = setInterval(() => read().catch(() => {}), 400);
    onTestFinished(() => clearInterval(timer));
    const page = await openPage(`${demo.url}/board`);
    const group = (name: string) => page.locator(`#console [data-group="${name}"]`);
    const readState = () => page.evaluate("fetch('/demo/state').then((answer) => answer.json())");
    const card = (is: string, title: string) => page.locator(`[data-column="${is}"] .card:has-text("${title}")`);
    const row = (title: string, text: string) => page.locator(`#trail tr:has-text("${title}"):has-text("${text}")`);
    const openDetails = (title: string) => row(title, "completed").locator("summary").click(WAIT);
    const dot = (part: string, is: string) => page.locator(`#health .dot[data-is="${is}"]:has-text("${part}")`);
    async function add(title: string, person: string) {
      await group("add").locator("input").fill(title);
      await page.selectOption('#console [data-group="add"] select >> nth=1', { label: `For: ${person}` });
      await group("add").locator("button").click();
    }
    async function move(title: string, column: string) {
      const option = group("move").locator(`select >> nth=0 >> option:has-text("${title}")`);
      await option.waitFor({ ...WAIT, state: "attached" });
      const value = (await option.getAttribute("value")) ?? "";
      await group("move").locator("select >> nth=0").selectOption({ value });
      await group("move").locator("select >> nth=1").selectOption(column);
      await group("move").locator("button").click();
    }
    await page.waitForSelector(".card", WAIT);

    // One line at the bottom, which stays as the person left it.
    for (const isOpen of [false, true, false]) {
      expect(await group("add").isVisible()).toBe(isOpen);
      await page.click("#console summary");
      await group("add").waitFor({ ...WAIT, state: isOpen ? "hidden" : "visible" });
      await page.reload();
      await group("add").waitFor({ ...WAIT, state: isOpen ? "hidden" : "visible" });
    }
    await page.evaluate(`(() => {
      window.tallies = [];
      const look = () => window.tallies.push(document.querySelector("#console .tally")?.textContent ?? "");
      new MutationObserver(look).observe(document.querySelector("#console"), { subtree: true, childList: true, characterData: true });
    })()`);
    // Each control says what it does and what to watch for, to screen readers as well.
    const killButton = page.getByRole("button", { name: "kill -9 Groundcrew" });
    const explanation = await killButton.getAttribute("aria-describedby");
    expect(await page.textContent(`#${explanation}`)).toMatch(/^Ends the process without warning\..*Watch: /);
    expect(await page.locator("#console .does").count()).toBe(8);

    // The wish of the README is planned, and its bar appears above the board.
    const wish = readWish();
    await page.waitForSelector("#say:not([hidden])", WAIT);
    await page.fill("#say-text", wish.command);
    await page.press("#say-text", "Enter");
    const message = (part: string) => page.locator(`.message:not(.mine):has-text("${part}")`);
    await message(`Build: ${wish.text}`).waitFor(WAIT);
    await page.locator(`#plans li:has-text("${wish.project}")`).waitFor(WAIT);
    await page.locator(`.card:has-text("Design: ${wish.text}")`).waitFor(WAIT);

    // Move a task: its completion is reported, and the task that waited for it is unblocked.
    await move("Build the container image", "done");
    await row("Deploy it to staging", "unblocked").waitFor(WAIT);
    await expect.poll(() => demo.chat().some((text) => /✅.*\bPLAT-1\b/.test(text)), WAIT).toBe(true);

    // Add a task: it is where agents start, and wakes the agent that it is for, which begins.
    await add("Mine <i>1</i>", "nobody");
    await card("todo", "Mine <i>1</i>").waitFor(WAIT);
    await add("Count the chairs", "Seshat");
    await row("Count the chairs", "Seshat was woken").waitFor(WAIT);
    await row("Count the chairs", "started by Seshat").waitFor(WAIT);

    // Run Claude Code: the ticket waits in the view Tickets.
    await group("ticket").locator("button").click();
    await page.click('#views [data-view="tickets"]');
    const ticketRow = page.locator('#tickets-view [data-ticket]:has-text("Delete log files after 30 days")').first();
    await ticketRow.waitFor(WAIT);
    const ticket = (await ticketRow.getAttribute("data-ticket")) ?? "";
    await page.click('#views [data-view="board"]');

    // Telegram is down: its mark turns red and messages wait; then they arrive.
    for (const title of ["During the outage", ...FATES.map((fate) => `Webhooks ${fate}`)]) await add(title, "nobody");
    await card("todo", "During the outage").waitFor(WAIT);
    await group("stop_telegram").locator("button").click();
    await dot("Telegram", "bad").waitFor(WAIT);
    await move("During the outage", "done");
    await page.locator('#health .dot:has-text("Telegram"):has-text("pending")').waitFor(WAIT);

    // Whatever happens to its webhooks, a change is noticed meanwhile, and by what the control says.
    for (const fate of FATES) {
      await card("todo", `Webhooks ${fate}`).waitFor(WAIT);
      await group("fate").locator("select").selectOption(fate);
      await expect.poll(readState, WAIT).toMatchObject({ fate });
      await move(`Webhooks ${fate}`, "done");
      await card("done", `Webhooks ${fate}`).waitFor(WAIT);
      await openDetails(`Webhooks ${fate}`);
      await expect.poll(() => row(`Webhooks ${fate}`, "completed").textContent(), WAIT).toMatch(NOTICED_BY[fate]);
    }
    await dot("Telegram", "good").waitFor(WAIT);
    await row("During the outage", "Message sent").waitFor(WAIT);

    // The wish was approved, done in order and summed up.
    await message(`${wish.project} is done.`).waitFor(WAIT);
    const summaries = demo.chat().filter((one) => one.includes(`${wish.project} is done.`));
    expect(summaries).toHaveLength(1);
    expect(summaries[0]).toMatch(/Design: [^\n]+ by Ptah: \w+-1[\s\S]+Build: [^\n]+ by Seshat: \w+-2[\s\S]+Cost: €0/);

    // Kill Groundcrew: the page reconnects, and the work continues.
    await killButton.click();
    await page.waitForSelector("#lost:not([hidden])", WAIT);
    await page.waitForSelector('#live[data-is="on"]', WAIT);
    await move("Mine <i>1</i>", "done");
    await row("Mine <i>1</i>", "completed").waitFor(WAIT);
    for (const title of ARRIVING) await openDetails(title);
    const readDetails = () =>
      Promise.all([...ARRIVING, "Webhooks arrive"].map((title) => row(title, "completed").textContent()));
    await expect.poll(async () => (await readDetails()).join("\n"), WAIT).toMatch(/Sourcewebhook/);

    // The story ends and says so; what nobody answered, the demo did, of all kinds.
    await demo.finished;
    await page.waitForSelector("#console summary:has-text('The story is over')", WAIT);
    expect(demo.output.join("")).toContain("The script is over");
    expect([...kinds].sort()).toEqual(["permission", "plan", "question", "result", "review", "ticket"]);
    await expect.poll(read, WAIT).toEqual([]);
    expect(demo.comments(ticket).filter((html) => html.includes(`groundcrew/${ticket.toLowerCase()}`))).toHaveLength(1);

    // Plane is down: its mark turns red although no agent works, and green again.
    await group("stop_plane").locator("button").click();
    await dot("Plane", "bad").waitFor({ timeout: 10_000 });
    await dot("Plane", "good").waitFor(WAIT);

    // Nothing was lost or doubled, which the line at the bottom says from the first completion on.
    await expect
      .poll(readState, WAIT)
      .toMatchObject({ restarts: 1, isOver: true, tally: { missing: [], doubled: [] } });
    await page.waitForSelector('#console .tally:has-text("nothing lost, nothing doubled")', WAIT);
    expect(findDuplicated(parseCompletions(demo.chat()))).toEqual([]);
    for (const fate of FATES) expect.soft(await row(`Webhooks ${fate}`, "This task was completed").count()).toBe(1);
    const tallies = (await page.evaluate("window.tallies")) as string[];
    expect(tallies.filter((text) => /Plane: 0,.*nothing lost/.test(text))).toEqual([]);
    expect(tallies.findIndex((text) => text.includes("nothing lost"))).toBeLessThan(tallies.length / 2);
  }, 300_000);
});
