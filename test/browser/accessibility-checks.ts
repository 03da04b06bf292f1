import axe from "axe-core";
import type { TestPage } from "./browser.ts";

/** Finds controls less than 24 pixels high or wide (WCAG 2.5.8). Links within text are exempt. */
export const FIND_SMALL_TARGETS = `[...document.querySelectorAll("button, select, input, summary, a.out")]
  .filter((el) => el.checkVisibility()).map((el) => [el, el.getBoundingClientRect()])
  .filter(([, { width, height }]) => width < 24 || height < 24)
  .map(([el, { width, height }]) => el.outerHTML.slice(0, 60) + " " + width + "x" + height)`;

/** Notes what gets the focus with a visible mark. */
const NOTE_FOCUS = `window.reached = new Set(); (document.querySelector("dialog[open]") ?? document.querySelector("main")).focus();
  window.isNoted ??= document.addEventListener("focusin", ({ target }) =>
    getComputedStyle(target).outlineStyle !== "none" && window.reached.add(target)) ?? true`;

/** Controls of the view, or of its open dialog, but for cards and nodes, among which the arrow keys lead. */
const CONTROLS = `[...(document.querySelector("dialog[open]") ?? document.querySelector("main"))
  .querySelectorAll("a[href], button, select, input, textarea, summary")]
  .filter((el) => el.checkVisibility({ visibilityProperty: true }) && !el.disabled && !el.matches(":is(.card, .node) > *"))`;

/** More stops of Tab than any view has. */
const MAX_TABS = 300;

/** Finds controls to which Tab does not lead: by pressing it (`isPressed`, which takes its time), or by their order. */
export async function findUnreachable(page: TestPage, isPressed: boolean): Promise<unknown> {
  const isLeftOut = isPressed ? "!window.reached.has(el)" : "el.tabIndex < 0";
  if (isPressed) {
    await page.evaluate(NOTE_FOCUS);
    let count = -1;
    for (let tabs = 0, reached = 0; tabs < MAX_TABS && reached !== count; tabs += 10) {
      count = reached;
      for (let i = 0; i < 10; i += 1) await page.keyboard.press("Tab");
      reached = Number(await page.evaluate("window.reached.size"));
    }
  }
  return page.evaluate(`${CONTROLS}.filter((el) => ${isLeftOut}).map((el) => el.outerHTML.slice(0, 120))`);
}

interface Violation {
  id: string;
  nodes: { html: string; failureSummary?: string }[];
}

/**
 * Lists what axe-core finds on the page, all of its rules together, with the element and the reason. The page must not
 * move what is new: text on a highlight that fades out has its final contrast later.
 * @param parts what is left out, by selectors
 */
export async function findViolations(page: TestPage, parts: readonly string[] = []): Promise<string[]> {
  if (!(await page.evaluate("'axe' in window"))) await page.evaluate(axe.source);
  const context = JSON.stringify({ include: ["html"], exclude: parts });
  const violations = (await page.evaluate(
    `axe.run(${context}, { resultTypes: ["violations"], preload: false }).then(({ violations }) => violations)`,
  )) as Violation[];
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary ?? ""}`),
  );
}
