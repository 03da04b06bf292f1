import { expect, test } from "vitest";
import type { Item } from "../../simulators/plane/types.ts";
import { IS_FULL_RUN } from "../reliability/random-source.ts";
import { FIND_SMALL_TARGETS, findViolations } from "./accessibility-checks.ts";
import { describeInChromium } from "./browser.ts";
import {
  askQuestion,
  expectInPage,
  openAt,
  PAGE_ADMIN_TOKEN,
  type PageTestApp,
  passUndoTime,
  runPageApp,
  shareApp,
  startPageTestApp,
  WAIT,
} from "./page-test-app.ts";

/** Calls a route of requests as the person who has ADMIN_TOKEN, in another place than the page. */
async function callRequests(app: PageTestApp, path = "", body?: object) {
  const headers = { authorization: `Bearer ${PAGE_ADMIN_TOKEN}`, "content-type": "application/json" };
  const init = body ? { method: "POST", body: JSON.stringify(body) } : {};
  const answer = await fetch(`${app.url}/api/requests${path}`, { headers, ...init });
  return (await answer.json()) as { requests: { id: string; kind: string; hash: string }[] };
}

/** Answers the newest question elsewhere; returns its id. */
async function answerElsewhere(app: PageTestApp, comment: string) {
  const { id = "", hash } = (await callRequests(app)).requests.at(-1) ?? {};
  await callRequests(app, `/${id}`, { answer: "answer", hash, comment });
  return id;
}

const readOpenKinds = async (app: PageTestApp) => (await callRequests(app)).requests.map(({ kind }) => kind);

describeInChromium("The inbox", () => {
  const getApp = shareApp(() => runPageApp());

  test("is where the page opens, answers a question with the keyboard alone, and can take an answer back", async () => {
    const app = getApp();
    const hostile = "<img src=x onerror=window.hacked=1> \u202egnp.exe";
    await askQuestion(app, hostile, "Formal or friendly?", ["Formal", "Friendly"]);
    const page = await openAt(app.url);
    await page.waitForSelector(".request", WAIT);
    expect(new URL(page.url()).pathname).toBe("/inbox");
    expect(await page.innerText(".request")).toMatch(/Question[\s\S]*ONB-1[\s\S]*Thot asks[\s\S]*Formal or friendly\?/);
    await expectInPage(page, "document.title").toBe("(1) Inbox · Groundcrew");
    expect(await page.evaluate("document.querySelectorAll('main img').length + (window.hacked ?? 0)")).toBe(0);
    await page.keyboard.press("j");
    await expectInPage(page, "document.activeElement.className").toBe("request");
    await page.press('.request button:has-text("Formal")', "Enter");
    await page.waitForSelector(".decided:has-text('Your answer: Formal')");
    await expectInPage(page, "document.activeElement.textContent").toBe("Undo");
    await page.keyboard.press("Enter");
    await page.waitForSelector('.request button:has-text("Friendly")');
    expect(await readOpenKinds(app)).toEqual(["question"]);

    await page.keyboard.press("a");
    await expectInPage(page, "document.activeElement.tagName").toBe("TEXTAREA");
    await page.keyboard.type("Both, a little");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".decided:has-text('Both, a little')");
    await passUndoTime(page);
    await page.waitForSelector("#inbox:has-text('Nothing waits for you.')", WAIT);
    expect(await readOpenKinds(app)).toEqual([]);
  });

  test("sends an answer at once when its page is left, keeps what a person writes when somebody else answers, and says who has", async () => {
    const app = getApp();
    await askQuestion(app, "Write the guide", "Formal or **friendly**?\n```sh and deploy it", ["Formal"]);
    const page = await openAt(app.url);
    // Marks of Markdown are no words, but no word is lost with them.
    await page.waitForSelector('.request:has-text("Formal or friendly?"):has-text("and deploy it")', WAIT);
    await page.click('.request [data-answer="answer"]');
    await page.keyboard.type("Friendly, but");
    await answerElsewhere(app, "Formal");
    await page.waitForSelector(".request .decided:has-text('admin has answered: Formal')", WAIT);
    expect(await page.innerText(".request pre")).toBe("Friendly, but");
    // It is over when the view is left; and an answer whose time to undo has not passed is sent then.
    await page.click('#views [data-view="board"]');
    await page.click('#views [data-view="inbox"]');
    await page.waitForSelector("#inbox:has-text('Nothing waits for you.')", WAIT);
    await askQuestion(app, "Write the mail", "Short or long?", ["Short", "Long"]);
    await page.click('.request button:has-text("Short")', WAIT);
    await page.waitForSelector(".decided:has-text('Your answer: Short')");
    await page.goto("about:blank");
    await expect.poll(() => readOpenKinds(app), WAIT).toEqual([]);
  });

  test("shows the request to which a link leads, also after signing in, and what came of it", async () => {
    const app = getApp();
    for (const name of ["One", "Two", "Three"]) await askQuestion(app, name, `About ${name}?`, ["Yes"]);
    const last = (await callRequests(app)).requests.at(-1)?.id;
    const page = await openAt(`${app.url}/inbox?request=${last}`, { height: 300 });
    await expectInPage(page, "document.activeElement.dataset.request").toBe(last);
    await answerElsewhere(app, "Yes");
    await page.waitForSelector(`[data-request="${last}"] .decided:has-text("admin has answered: Yes")`, WAIT);
    expect(await page.locator("#inbox [data-answer]").count()).toBe(2);
    // A filter hides no request silently.
    await page.selectOption("[data-filter=agent]", "none");
    await page.waitForSelector(".requests:has-text('2 more wait; the filters leave them out.')");
    await page.click(".requests button:has-text('Show all')");
    await page.waitForSelector(".request:has-text('About One?')");
  });

  test("says why nothing happens with a task, and its button changes that", async () => {
    const { plane, project, thot, url } = getApp();
    const item = plane.addItem(project, { name: "Write the book", assignees: [thot], state: "Backlog" });
    const row = `.idle li[data-task="ONB-${item.sequence_id}"]`;
    const page = await openAt(url, { locale: "fr-FR" });
    await page.waitForSelector(row, WAIT);
    await page.selectOption("#language", "en");
    await page.press(`${row} button:has-text("Todo")`, "Enter");
    await page.waitForSelector(`${row}:has-text("Backlog")`, { ...WAIT, state: "detached" });
    expect(plane.states(project).find(({ id }) => id === plane.item(item)?.state)?.name).toBe("Todo");
  });
});

describeInChromium("The addresses of the page", () => {
  const getApp = shareApp(() =>
    runPageApp({}, (plane, project, thot) => {
      plane.addItem(project, { name: "Of Thot", assignees: [thot] });
      plane.addItem(project, { name: "Of nobody <b>there</b>", state: "In Progress" });
      plane.addItem(project, { name: "Long ago", state: "Done" });
    }),
  );

  test("lead to each view after signing in, stay through reloading and going back, and have the filters", async () => {
    const { url } = getApp();
    const page = await openAt(`${url}/task/ONB-1`);
    await page.waitForSelector("#why-of .chip:has-text('ONB-1')", WAIT);
    await page.reload();
    await page.waitForSelector("#why-of .chip:has-text('ONB-1')", WAIT);
    expect(new URL(page.url()).pathname).toBe("/task/ONB-1");
    await page.goto(`${url}/board?agent=none&status=in_progress`);
    await page.waitForSelector(".column.only .card:has-text('Of nobody')", WAIT);
    expect(await page.locator(".card").count()).toBe(1);
    await page.selectOption("[data-filter=agent]", "Thot");
    await page.selectOption("[data-filter=status]", "");
    await page.waitForSelector(".card:has-text('Of Thot')");
    await page.click('#views [data-view="inbox"]');
    expect(await page.evaluate("location.href")).toBe(`${url}/inbox?agent=Thot`);
    await page.waitForSelector(".idle li:has-text('Of Thot')", WAIT);
    await page.goBack();
    await expectInPage(page, "document.querySelector('[data-filter=agent]').value").toBe("Thot");
    await page.click(".card > button");
    expect(await page.evaluate("location.href")).toBe(`${url}/task/ONB-1?agent=Thot`);
    await page.goBack();
    await page.waitForSelector("#why-of .chip", { state: "detached" });
    await page.goForward();
    await page.waitForSelector("#why-of .chip:has-text('ONB-1')");
  });

  test("are found with keys alone: the palette goes to views, open and closed tasks, and ? lists the keys", async () => {
    const { url } = getApp();
    const page = await openAt(`${url}/board`);
    await page.waitForSelector(".card", WAIT);
    await page.keyboard.press("Control+k");
    await page.waitForSelector(".palette [role=option]");
    await page.keyboard.type("team");
    await page.keyboard.press("Enter");
    await expectInPage(page, "location.pathname").toBe("/team");
    for (const [words, title, path] of [
      ["there nobody", "Of nobody <b>there</b>", "/task/ONB-2"],
      ["long", "ONB-3 · Long ago", "/task/ONB-3"],
    ] as const) {
      await page.keyboard.press("/");
      await page.keyboard.type(words);
      await page.waitForSelector(`.palette [aria-selected=true]:has-text('${title}')`, WAIT);
      await page.keyboard.press("Enter");
      await expectInPage(page, "location.pathname").toBe(path);
    }
    await page.keyboard.press("?");
    await page.waitForSelector(".palette dt:has-text('Ctrl K')", WAIT);
    await page.keyboard.press("Escape");
    await page.waitForSelector(".palette", { ...WAIT, state: "hidden" });
  });

  test("stay below 3,000 elements each with many tasks and 50 agents, and a phone shows one column at a time", async (context) => {
    context.skip(!IS_FULL_RUN);
    const count = 1_250;
    const agents = Array.from({ length: 50 }, (_, i) => ({ name: `Agent ${i}`, email: `agent${i}@example.com` }));
    const states = ["Todo", "In Progress", "Done", "Todo", "Backlog"];
    // The poll at the start finds them all. Another one each second would draw them again and again.
    const app = await startPageTestApp(
      { POLL_CRON: "0 0 1 1 *" },
      (plane, project, thot) => {
        const items = Array.from({ length: count }, (_, i) =>
          plane.addItem(project, { name: `Task ${i}`, state: states[i % 5] ?? "Todo", assignees: [thot] }),
        );
        for (let i = 0; i < count; i += 5) plane.relate(items[i + 3] as Item, items[i] as Item);
      },
      { agents: [{ name: "Thot", email: "thot@example.com" }, ...agents] },
    );
    const page = await openAt(`${app.url}/board`);
    await page.waitForSelector('[data-column="todo"] .more button', { timeout: 110_000 });
    // The activity has as many entries as it shows.
    for (const item of app.plane.items(app.project).slice(0, 60)) app.plane.editItem(item, { priority: "high" });
    await app.deps().ticks.runNow("poll");
    await expectInPage(page, "document.querySelectorAll('#trail tbody > tr').length").toBe(50);
    for (const view of ["board", "team", "plan", "inbox"]) {
      await page.click(`#views [data-view="${view}"]`);
      await page.waitForSelector(`#${view} [aria-busy=false]`, { ...WAIT, state: "attached" });
      expect(await page.evaluate("document.querySelectorAll('body *').length"), view).toBeLessThanOrEqual(3_000);
    }
    await page.click('#views [data-view="board"]');
    await page.setViewportSize({ width: 390, height: 844 });
    await page.press('.tabs [data-tab="in_progress"]', "Enter");
    expect(await page.isVisible('[data-column="todo"]')).toBe(false);
    expect(await page.innerText('.tabs [data-tab="in_progress"]')).toMatch(new RegExp(`In progress\\s+${count / 5}`));
  });
});

describeInChromium("The inbox of a Plane that refuses the key", () => {
  test("is the set-up list, in Plane's own words and with the command to run", async () => {
    const app = await startPageTestApp({ PLANE_API_KEY: "wrong" });
    const page = await openAt(app.url, { width: 390, height: 844, dark: true });
    const step = (name: string) => page.locator(`.setup [data-step="${name}"]`);
    await page.waitForSelector(".setup button", WAIT);
    const rechecked = page.waitForResponse((response) => response.request().method() === "POST");
    await page.press(".setup button", "Enter");
    expect([new URL((await rechecked).url()).pathname, (await rechecked).status()]).toEqual(["/api/setup", 200]);
    await page.waitForSelector('.setup [data-step="key"][data-state="failed"]', WAIT);
    const refusal = /^Does not work Plane refuses Groundcrew's API key: .*token.*\s+npm run provision/i;
    expect(await step("key").innerText()).toMatch(refusal);
    expect(await step("plane").innerText()).toBe("Done Plane answers.");
    expect(await findViolations(page)).toEqual([]);
    expect(await page.evaluate(FIND_SMALL_TARGETS)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    await page.click('#views [data-view="board"]');
    await page.waitForSelector("#columns:has-text('The inbox shows what is missing.')", WAIT);
  });
});
