import { afterAll, describe, expect, test } from "vitest";
import { FIND_SMALL_TARGETS, findViolations } from "./accessibility-checks.ts";
import { closeSharedBrowser, hasChromium, type TestPage } from "./browser.ts";
import { openTickets, startTicketsPageApp, ticketSelector } from "./tickets-page-app.ts";

afterAll(closeSharedBrowser);

const WAIT = { timeout: 30_000 };
const toOptions = (...labels: string[]) => labels.map((label) => ({ label, description: `It is ${label}.` }));
const LONG = "An option whose label is long enough for two lines on a telephone, as models like to write them";
const HOOK = {
  hook_event_name: "PermissionRequest",
  tool_name: "AskUserQuestion",
  tool_input: {
    questions: [
      { question: "Which <b>colour</b>?", options: toOptions("<i>Red</i>", LONG) },
      { question: "Which tools?", multiSelect: true, options: toOptions("ky", "zod, v4", "tsx") },
      { question: "Which size?", options: toOptions("S", "M") },
    ],
  },
};

describe.skipIf(!hasChromium())("The questions of a session on the page", { timeout: 120_000 }, () => {
  test("several questions are answered one after the other: by a button, by boxes, and by a text of one's own", async () => {
    const app = await startTicketsPageApp();
    app.requestTicket("Write it down");
    const page = await openTickets(app);
    await page.click(`${ticketSelector("pending", "ONB-1")} button:has-text("Approve")`, WAIT);
    const session = ticketSelector("sessions", "ONB-1");
    await page.waitForSelector(session, WAIT);
    const asked = app.hook("ONB-1", await app.startSessions(), HOOK);

    await page.waitForSelector(
      `${session} .question:has-text("Question 1 of 3"):has-text("Which <b>colour</b>?")`,
      WAIT,
    );
    await page.setViewportSize({ width: 360, height: 800 });
    await checkPlace(page);
    await page.press(`${session} .question button:has-text("<i>Red</i>")`, "Enter");

    await page.waitForSelector(`${session} .question:has-text("Question 2 of 3"):has-text("Which tools?")`, WAIT);
    expect(await page.locator(`${session} .question .actions button`).count()).toBe(1);
    await page.press(`${session} .question button`, "Enter");
    await page.waitForSelector("dialog[open]:has-text('Which tools?')");
    await checkPlace(page);
    expect(await page.evaluate("document.activeElement.type")).toBe("checkbox");
    // Without a choice and without a text nothing is sent.
    await page.press("dialog button:has-text('Send')", "Enter");
    await page.check("dialog label:has-text('zod, v4') input");
    await page.press("dialog label:has-text('ky') input", "Space");
    await page.fill("dialog textarea", "axios");
    await page.press("dialog button:has-text('Send')", "Enter");

    await page.waitForSelector(`${session} .question:has-text("Question 3 of 3")`, WAIT);
    await page.press(`${session} .question button:has-text("Answer…")`, "Enter");
    await page.keyboard.type("XL");
    await page.press("dialog button:has-text('Send')", "Enter");
    const answers = {
      "Which <b>colour</b>?": "<i>Red</i>",
      "Which tools?": 'ky, "zod, v4", axios',
      "Which size?": "XL",
    };
    expect(await asked).toMatchObject({
      json: { hookSpecificOutput: { decision: { behavior: "allow", updatedInput: { answers } } } },
    });
    await page.waitForSelector(`${session}:not(:has(.question))`, WAIT);
    expect(page.problems).toEqual([]);
  });
});

/** Checks what a narrow screen shows now. */
async function checkPlace(page: TestPage): Promise<void> {
  expect(await findViolations(page)).toEqual([]);
  expect(await page.evaluate(FIND_SMALL_TARGETS)).toEqual([]);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
}
