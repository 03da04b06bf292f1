import { afterAll, describe, expect, test } from "vitest";
import { FIND_SMALL_TARGETS, findViolations } from "./accessibility-checks.ts";
import { closeSharedBrowser, hasChromium, openPage, type TestPage } from "./browser.ts";
import { signIn } from "./page-test-app.ts";
import { startTeamPlanApp } from "./team-plan-app.ts";

afterAll(closeSharedBrowser);

const WAIT = { timeout: 45_000 };

const ALL_FORMS = ["picture", "table"];
const isFullRun = Boolean(process.env["FULL"]);
const WIDE = { width: 1440, views: ["board", "team", "plan"], forms: isFullRun ? ALL_FORMS : ["picture"] };
const PHONE = {
  width: 360,
  views: ["board", "team", "plan", "why", "chat"],
  forms: isFullRun ? ALL_FORMS : ["table"],
};
/** Each theme, each language and each form on one of the screens; all combinations in the full run. */
const SCREENS = [
  { ...WIDE, dark: false, locale: "en-GB" },
  { ...PHONE, dark: true, locale: "fr-FR" },
  ...(isFullRun
    ? [
        { ...WIDE, dark: true, locale: "en-GB" },
        { ...WIDE, dark: false, locale: "fr-FR" },
        { ...WIDE, dark: true, locale: "fr-FR" },
        { ...PHONE, dark: false, locale: "en-GB" },
        { ...PHONE, dark: true, locale: "en-GB" },
        { ...PHONE, dark: false, locale: "fr-FR" },
      ]
    : []),
];

async function showEverything(page: TestPage, view: string) {
  await page.click(`#views [data-view="${view}"]`);
  if (view === "team") await page.waitForSelector("#team-list .agent .task", WAIT);
  if (view === "plan") await page.waitForSelector(".node[data-critical]", { ...WAIT, state: "attached" });
}

describe.skipIf(!hasChromium())("axe-core finds no violation on the page", { timeout: 240_000 }, () => {
  test("before sign-in and in any view, as pictures and as tables, with an open card, in both themes and languages; controls are large enough, and nothing is wider than the screen", async () => {
    const app = await startTeamPlanApp();
    const checked: string[] = [];
    for (const { width, dark, locale, views, forms } of SCREENS) {
      const page = await openPage(app.url, { width, dark, locale, height: 800 });
      await page.waitForSelector("#sign-in:not([hidden])");
      expect(["sign-in", width, await findViolations(page)]).toEqual(["sign-in", width, []]);
      await signIn(page);
      await page.waitForSelector(".message", { ...WAIT, state: "attached" });
      for (const view of views) {
        await showEverything(page, view);
        for (const form of view === "team" || view === "plan" ? forms : [""]) {
          if (form) await page.click(`#${view} [data-show="${form}"]`);
          if (view === "plan") await page.click(form === "table" ? ".figures button.key" : ".node > button");
          const place = `${view} ${form} ${width} ${locale} ${dark}`;
          expect([place, await findViolations(page)]).toEqual([place, []]);
          expect([place, await page.evaluate(FIND_SMALL_TARGETS)]).toEqual([place, []]);
          expect([place, await page.evaluate("document.documentElement.scrollWidth")]).toEqual([place, width]);
          checked.push(place);
          if (view === "plan") await page.press("#plan-detail", "Escape");
        }
        if (view === "plan") await page.click('#plan [data-show="picture"]');
      }
      expect(page.problems).toEqual([]);
    }
    // Board, team and plan, these two in each form; on a phone also activity and chat.
    expect(checked).toHaveLength(
      SCREENS.reduce((sum, { views, forms }) => sum + views.length - 2 + 2 * forms.length, 0),
    );
  });
});
