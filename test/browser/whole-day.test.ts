import { expect, onTestFinished, test } from "vitest";
import { createRunnerSimulator } from "../../simulators/runner/create-runner-simulator.ts";
import { IS_FULL_RUN } from "../reliability/random-source.ts";
import { startAgentTeam, TEAM } from "../support/agent-team.ts";
import { findFreePort } from "../support/redis-server.ts";
import { describeInChromium, openPage, type TestPage } from "./browser.ts";
import { PAGE_ADMIN_TOKEN, PAGE_CHAT, passUndoTime, startPageTestApp, WAIT } from "./page-test-app.ts";

const RUNNER_TOKEN = "runner-token-of-the-whole-day";

/** What each task of the plan needs of a person, by the verb of its title. */
const SCRIPTS = {
  Design: { ask: { text: "Which colour shall it have?", choices: ["Blue", "Green"] } },
  Build: { confidence: 0.4, secondConfidence: 0.6 },
  Test: { ask: { text: "Which phones shall I test?", choices: ["All", "New ones"] } },
};

/** More than is shown at once, so that it has to be unfolded. */
const LONG_COMMAND = `npm test -- ${"every-page ".repeat(400)}&& npm run deploy`;

/**
 * Starts what a person's day needs: the product against simulated Plane, Telegram and OpenClaw servers, a simulated
 * ticket runner, and scripted agents, which call the bridge as real ones do. A wish and a ticket wait already.
 */
async function startWholeDay() {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const narrated: string[] = [];
  const team = await startAgentTeam(url, {
    pace: 1_000,
    narrate: (text) => void narrated.push(text),
    findScript: (title) => Object.entries(SCRIPTS).find(([verb]) => title.startsWith(`${verb}: `))?.[1],
  });
  const app = await startPageTestApp(
    { ...team.env, PORT: String(port), TELEGRAM_ALLOWED_USERS: String(PAGE_CHAT), RUNNER_TOKEN },
    (plane, project) => {
      for (const { name, email } of TEAM) plane.addUser({ name, email });
      plane.addLabel(project, "claude");
    },
    { agents: TEAM, tickets: { repositories: { ONB: "/srv/onb" }, labels: ["claude"] } },
  );
  const runner = createRunnerSimulator({
    ...{ url, token: RUNNER_TOKEN, repositories: ["ONB"] },
    findScript: () => ({
      startMs: 100,
      steps: [
        { do: "ask_permission", tool: "Bash", input: { command: LONG_COMMAND }, allowed: [], denied: [] },
        { do: "complete", summary: "All pages are tested." },
      ],
    }),
  });
  runner.connect();
  onTestFinished(() => runner.stop());
  app.plane.addItem(app.project, { name: "Test all pages", state: "Todo", labels: ["claude"] });
  app.telegram.postAsUser(PAGE_CHAT, PAGE_CHAT, "/plane new add a contact form to the website");
  return { ...app, narrated };
}

/** More stops of Tab than any view has. */
const MAX_TABS = 250;

/** How a person without a mouse uses the page. */
interface Hands {
  press(selector: string): Promise<void>;
  write(selector: string, text: string): Promise<void>;
  openTask(key: string): Promise<void>;
}

/** Reaches everything with Tab, and presses with Enter. */
function createKeyboard(page: TestPage): Hands {
  async function focus(selector: string) {
    const target = page.locator(selector).first();
    await target.waitFor(WAIT);
    for (let tabs = 0; tabs < MAX_TABS; tabs += 1) {
      // The list may be drawn again at any moment.
      if (await target.evaluate((el) => el === el.ownerDocument.activeElement, undefined, { timeout: 5_000 })) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`Tab does not reach ${selector}`);
  }
  return {
    async press(selector) {
      await focus(selector);
      await page.keyboard.press("Enter");
    },
    async write(selector, text) {
      await focus(selector);
      await page.keyboard.type(text);
    },
    async openTask(key) {
      await page.keyboard.press("Control+k");
      await page.keyboard.type(key);
      await page.locator(`.palette [aria-selected=true]:has-text("${key}")`).waitFor(WAIT);
      await page.keyboard.press("Enter");
    },
  };
}

/** Taps everything. */
function createFingers(page: TestPage): Hands {
  const press = (selector: string) => page.locator(selector).first().tap(WAIT);
  return {
    press,
    async write(selector, text) {
      await press(selector);
      await page.keyboard.insertText(text);
    },
    async openTask(key) {
      await press('#views [data-view="board"]');
      await press('.tabs [data-tab="in_progress"]');
      await press(`.card[data-task="${key}"] > button`);
    },
  };
}

const DEVICES = {
  "the keyboard alone on a laptop": { screen: { width: 1440, height: 900 }, createHands: createKeyboard },
  "a finger on a phone": { screen: { width: 390, height: 844, touch: true }, createHands: createFingers },
} as const;

type Device = keyof typeof DEVICES;

/** In the full run each step is done with each device. */
const DAYS: readonly [morning: Device, afternoon: Device][] = [
  ["the keyboard alone on a laptop", "a finger on a phone"],
  ...(IS_FULL_RUN ? [["a finger on a phone", "the keyboard alone on a laptop"] as [Device, Device]] : []),
];

const request = (kind: string, title = "") => `.request[data-kind="${kind}"]:has-text("${title}")`;

/** Signs in with a device, and judges with it what waits. */
async function takeDevice(url: string, name: Device) {
  const { screen, createHands } = DEVICES[name];
  const page = await openPage(url, screen);
  await page.clock.install();
  const hands = createHands(page);
  await hands.write("#token", PAGE_ADMIN_TOKEN);
  await hands.press("#sign-in button");
  await page.locator("#sign-in").waitFor({ ...WAIT, state: "hidden" });
  return {
    page,
    ...hands,
    decide: (selector: string) => hands.press(selector).then(() => passUndoTime(page)),
    waitUntilGone: (selector: string) => page.waitForSelector(selector, { ...WAIT, state: "detached" }),
  };
}

describeInChromium("The whole day of a person", () => {
  test.each(DAYS)("with %s, then %s: judges what waits, stops an agent", { timeout: 240_000 }, async (...devices) => {
    const app = await startWholeDay();
    const expectStory = (part: RegExp) => expect.poll(() => app.narrated.join("\n"), WAIT).toMatch(part);
    const findItem = (title: string) =>
      app.plane
        .projects()
        .flatMap((project) => app.plane.items(project).map((item) => ({ project, item })))
        .find(({ item }) => item.name.startsWith(title));
    const readState = (title: string) => {
      const found = findItem(title);
      return found && app.plane.states(found.project).find(({ id }) => id === found.item.state)?.name;
    };

    // A plan.
    const morning = await takeDevice(app.url, devices[0]);
    await morning.decide(`${request("plan", "contact form")} [data-answer="approve"]`);
    await morning.waitUntilGone(request("plan"));
    await expect.poll(() => readState("Design: "), WAIT).toBeDefined();

    // A question.
    await morning.decide(`${request("question", "Which colour")} button:has-text("Green")`);
    await expectStory(/Ptah received an answer about \w+-1: Green/);

    // A ticket, and the permission that its session asks for: all of it is shown before it can be allowed.
    await morning.decide(`${request("ticket", "Test all pages")} [data-answer="approve"]`);
    const permission = request("permission");
    await morning.page.locator(permission).waitFor(WAIT);
    expect(await morning.page.isDisabled(`${permission} [data-answer="allow"]`)).toBe(true);
    await morning.press(`${permission} > button`);
    expect(await morning.page.textContent(`${permission} pre`)).toBe(LONG_COMMAND);
    await morning.decide(`${permission} [data-answer="allow"]`);
    await morning.waitUntilGone(permission);
    await morning.page.close();

    // The result of the ticket.
    const afternoon = await takeDevice(app.url, devices[1]);
    await afternoon.decide(`${request("result")} [data-answer="approve"]`);

    // A review, which is sent back with a reason, and approved when the agent has done it again.
    const review = request("review", "Build: ");
    await afternoon.press(`${review} [data-answer="send_back"]`);
    await afternoon.write(`${review} textarea`, "Make the buttons larger");
    await afternoon.decide(`${review} form [type="submit"]`);
    await afternoon.waitUntilGone(review);
    await expectStory(/40% sure of \w+-2[\s\S]*60% sure of \w+-2/);
    await afternoon.decide(`${review} [data-answer="approve"]`);
    await afternoon.waitUntilGone(review);
    await expect.poll(() => readState("Build: "), WAIT).toBe("Done");
    await expect.poll(() => readState("Test all pages"), WAIT).toBe("Done");

    // The last task: the person stops its agent.
    await expectStory(/Ptah asks about \w+-3/);
    const { project, item } = findItem("Test: ") ?? {};
    const key = `${project?.identifier}-${item?.sequence_id}`;
    await afternoon.page.locator(request("question", "Which phones")).waitFor(WAIT);
    await afternoon.openTask(key);
    afternoon.page.once("dialog", (dialog) => dialog.accept());
    await afternoon.press('#task button:has-text("⏹")');
    await afternoon.page.locator(`#trail tr:has-text("${key}"):has-text("stopped the work")`).waitFor(WAIT);
    await afternoon.waitUntilGone('#task button:has-text("⏹")');
  });
});
