import { beforeAll, expect, test } from "vitest";
import { IS_FULL_RUN } from "../reliability/random-source.ts";
import { FIND_SMALL_TARGETS, findUnreachable, findViolations } from "./accessibility-checks.ts";
import { describeInChromium, openPage, type TestPage } from "./browser.ts";
import { ARABIC, fillSettings, runEveryViewApp } from "./every-view-app.ts";
import { PAGE_ADMIN_TOKEN, shareApp, WAIT } from "./page-test-app.ts";

const LAPTOP = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
/** 1280 x 1024 pixels at 400 % zoom (WCAG 1.4.10). */
const ZOOMED = { width: 320, height: 256 };

/** What a laptop shows in more than one view, at which axe-core looks once. */
const REPEATED = ["header", "#chat"];

interface Place {
  path: string;
  /** What the view has when it is drawn. */
  has: string;
  /** How the title of the document begins in French. */
  title: string;
  /** The elements that are pressed, and then the key. */
  press?: readonly string[];
  key?: string;
  /** It is left by a key. */
  leave?: "Escape";
}

const TITLES = { board: "Tableau", tickets: "Tickets", team: "Équipe", plan: "Plan" };

/** Every view by its address, in each of its forms, and the dialogs. */
const PLACES: readonly Place[] = [
  { path: "/inbox", has: "#inbox .idle", title: "À traiter" },
  { path: "/board", has: "#board .card", title: TITLES.board },
  { path: "/board?status=todo", has: "#board .column.only", title: TITLES.board },
  { path: "/team", has: "#team .agent .task", title: TITLES.team, press: ['#team [data-show="picture"]'] },
  { path: "/team", has: "#team .agent .task", title: TITLES.team, press: ['#team [data-show="table"]'] },
  { path: "/plans/ONB", has: "#plan .figures", title: TITLES.plan, press: [".figures button.key"], leave: "Escape" },
  { path: "/plans", has: "#plan .tiles", title: TITLES.plan },
  {
    path: "/plans/ONB",
    has: "#plan .figures",
    title: TITLES.plan,
    press: ['#plan [data-show="picture"]', ".node[data-critical] > button"],
    leave: "Escape",
  },
  { path: "/schedules", has: "#schedules [data-schedule]", title: "Récurrent" },
  { path: "/tickets", has: '#tickets .request[data-kind="permission"]', title: TITLES.tickets },
  { path: "/tickets", has: ".ticket", title: TITLES.tickets, press: ['[data-part="pending"] [data-answer="reject"]'] },
  {
    path: "/tickets",
    has: ".ticket",
    title: TITLES.tickets,
    press: ['[data-part="sessions"] .ticket > .actions button:nth-last-child(2)'],
    leave: "Escape",
  },
  {
    path: "/tickets",
    has: ".ticket",
    title: TITLES.tickets,
    press: ['[data-part="completed"] .actions button:last-child'],
    leave: "Escape",
  },
  { path: "/tickets/ONB-1", has: ".ticket-page .diff-file", title: TITLES.tickets },
  { path: "/task/ONB-15", has: "#task form", title: "ONB-15", press: ['#task button:has-text("notes.md")'] },
  { path: "/activity", has: "#trail tr", title: "Activité", press: ["#trail summary"] },
  { path: "/chat", has: "#chat .message", title: "Messages" },
  { path: "/settings", has: "#failed-job-list li", title: "Réglages", press: ["#agent-add summary"] },
  { path: "/settings", has: "#sign-ins li", title: "Réglages", key: "Control+k", leave: "Escape" },
  { path: "/settings", has: "#sign-ins li", title: "Réglages", key: "?", leave: "Escape" },
  // Last, because the terminal stays open.
  {
    path: "/tickets",
    has: ".ticket",
    title: TITLES.tickets,
    press: ['[data-part="sessions"] .ticket:has(.screen:not(:empty)) > .actions button'],
  },
];

/** Light, dark, high contrast and forced colours. */
const LOOKS = [
  { colorScheme: "light" },
  { colorScheme: "dark" },
  { contrast: "more" },
  { forcedColors: "active" },
] as const;

/** Counts the written texts whose direction is not theirs. */
const COUNT_WRONG_DIRECTIONS = `[...document.querySelectorAll(".written")].filter((el) => el.checkVisibility() &&
  (getComputedStyle(el).direction === "rtl") !== el.textContent.startsWith("${ARABIC.slice(0, 8)}")).length`;

/** Counts what texts of people have become, and what has run. */
const COUNT_HACKS = `document.querySelectorAll('main :is(img, script, a[href^="javascript:"])').length + (window.hacked ?? 0)`;

/** Ids of the sections that are shown. */
const LIST_SECTIONS = `[...document.querySelectorAll("main > section")].filter((el) => el.checkVisibility()).map(({ id }) => id)`;

/** Checks what does not depend on colours: nothing is wider than the screen, too small, in a wrong direction, or markup. */
async function checkSize(page: TestPage, { width }: { width: number }): Promise<void> {
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
  expect(await page.evaluate(FIND_SMALL_TARGETS)).toEqual([]);
  expect(await page.evaluate(COUNT_WRONG_DIRECTIONS)).toBe(0);
  expect(await page.evaluate(COUNT_HACKS)).toBe(0);
}

describeInChromium("Every view, with hostile texts (reliability 18)", () => {
  const getApp = shareApp(runEveryViewApp);
  let laptop: TestPage;
  let phone: TestPage;

  beforeAll(async () => {
    laptop = await openPage(getApp().url, { ...LAPTOP, isShared: true });
    phone = await openPage(getApp().url, { ...PHONE, locale: "fr-FR", isShared: true });
  }, 120_000);

  /** Looks with axe-core: at the laptop in light, at the phone in the dark; in the full run at each in every look. */
  async function expectNoViolation(page: TestPage, isFirst = false): Promise<void> {
    const repeated = page === phone || isFirst ? [] : REPEATED;
    const own = { colorScheme: page === phone ? "dark" : "light" } as const;
    for (const look of IS_FULL_RUN ? LOOKS : [own]) {
      await page.emulateMedia({ colorScheme: "light", contrast: "no-preference", forcedColors: "none", ...look });
      expect([look, await findViolations(page, repeated)]).toEqual([look, []]);
    }
  }

  /** Goes to an address as the keys back and forward do, without loading the page anew. */
  async function goTo(page: TestPage, { path, has, press = [], key }: Place): Promise<void> {
    await page.evaluate(`history.pushState(null, "", "${path}"); dispatchEvent(new PopStateEvent("popstate"))`);
    await page.locator(has).filter({ visible: true }).first().waitFor(WAIT);
    for (const selector of press) await page.locator(selector).filter({ visible: true }).first().press("Enter");
    if (key) await page.keyboard.press(key);
  }

  /** Checks the size of a phone, and 400 % zoom. */
  async function checkPhone(): Promise<void> {
    for (const size of [ZOOMED, PHONE]) {
      await phone.setViewportSize(size);
      await checkSize(phone, size);
    }
  }

  test("the form that signs in: axe finds nothing in light, in the dark and in French on a phone, and it fits", async () => {
    await checkSize(laptop, LAPTOP);
    await checkPhone();
    for (const page of [laptop, phone]) {
      await page.waitForSelector("#sign-in:not([hidden])", WAIT);
      await expectNoViolation(page);
      await fillSettings(page);
      await page.fill("#token", PAGE_ADMIN_TOKEN);
      await page.press("#token", "Enter");
      await page.waitForSelector("#inbox .requests", WAIT);
    }
  });

  test("the header has two rows between a phone and the widest screen, in English and in French", async () => {
    for (const page of [laptop, phone]) {
      await page.goto(`${getApp().url}/board`);
      await page.waitForSelector("#filters select", WAIT);
      for (const width of [641, 800, 1001, 1081, 1280, 1920]) {
        await page.setViewportSize({ width, height: 900 });
        const size = await page.evaluate("[document.querySelector('header').offsetHeight, document.body.scrollWidth]");
        expect([width, size]).toEqual([width, [85, width]]);
      }
    }
    await laptop.setViewportSize(LAPTOP);
    await phone.setViewportSize(PHONE);
  });

  test.each(PLACES.map((place, i) => ({ ...place, i, pressed: place.press?.at(-1) ?? place.key ?? "nothing" })))(
    "$path, $pressed pressed: axe finds nothing in light, in the dark and in French on a phone; it fits these and 400 % zoom, and Tab reaches all of it",
    async (place) => {
      // In the usual run axe-core looks at a place on one of both screens.
      const isOnBoth = IS_FULL_RUN || place.path === "/board";
      await goTo(laptop, place);
      if (isOnBoth || place.i % 2 === 0) await expectNoViolation(laptop, place.path === "/board");
      await checkSize(laptop, LAPTOP);
      // A view scrolls on a laptop, not the document.
      expect(await laptop.evaluate("document.documentElement.scrollHeight")).toBe(LAPTOP.height);
      expect(await findUnreachable(laptop, IS_FULL_RUN)).toEqual([]);
      if (place.leave) await laptop.keyboard.press(place.leave);

      await goTo(phone, place);
      expect(await phone.title()).toMatch(new RegExp(`^(\\(\\d+\\) )?${place.title} · `));
      if (isOnBoth || place.i % 2 === 1) await expectNoViolation(phone);
      await checkPhone();
      // A phone shows one view at a time, and the activity of a task below it.
      const sections = (await phone.evaluate(LIST_SECTIONS)) as string[];
      expect(sections).toHaveLength(sections[0] === "task" ? 2 : 1);
      if (place.leave) await phone.keyboard.press(place.leave);
      expect(laptop.problems.concat(phone.problems)).toEqual([]);
    },
  );
});
