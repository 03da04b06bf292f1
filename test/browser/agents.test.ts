import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { startAgentsPageApp } from "../functions/dashboard/agents-page-app.ts";
import { RUNTIME_ADMIN_TOKEN } from "../support/test-runtime.ts";
import { closeSharedBrowser, hasChromium, openPage } from "./browser.ts";

afterAll(closeSharedBrowser);

describe.skipIf(!hasChromium())("The agents' tokens in Chromium", { timeout: 120_000 }, () => {
  test("can be rotated with the keyboard alone (AUTH-04): a new token is shown once, then the old one is revoked", async () => {
    const app = await startAgentsPageApp();
    const page = await openPage(app.url);
    const asked: string[] = [];
    page.on("dialog", (dialog) => {
      asked.push(dialog.message());
      void (asked.length === 1 ? dialog.dismiss() : dialog.accept());
    });
    await page.fill("#token", RUNTIME_ADMIN_TOKEN);
    await page.press("#token", "Enter");
    await page.waitForSelector("#agents summary");
    await page.locator("#agents summary").press("Enter");
    const path = join(dirname(app.path), "agents/<agent>/token");
    expect(await page.textContent("#agent-where")).toContain(`use its current token: ${path} on the server`);
    const renew = page.getByRole("button", { name: "Create token Thot" });
    await renew.press("Enter");
    await expect.poll(() => asked.length).toBe(1);
    expect(asked[0]).toContain("for Thot?");
    expect(await page.isVisible("#agent-token")).toBe(false);

    await renew.press("Enter");
    const field = page.getByLabel("New token for Thot");
    await field.waitFor();
    const token = await field.inputValue();
    expect(await page.evaluate("String(getSelection())")).toBe(token);
    await expect.poll(() => app.isTokenAccepted(token)).toBe(true);
    const retire = page.getByRole("button", { name: "Revoke old token Thot" });
    await retire.waitFor({ timeout: 15_000 });
    expect(await field.inputValue()).toBe(token);
    await page.selectOption("#language", "fr");
    expect(await page.getByLabel("Nouveau jeton pour Thot").inputValue()).toBe(token);
    expect(await page.textContent("#agent-where")).toContain("utilisez son jeton actuel");
    await page.selectOption("#language", "en");
    await retire.waitFor();
    await page.locator("#agent-close").press("Enter");
    expect(await page.evaluate("document.activeElement.tagName")).toBe("SUMMARY");
    expect(await page.content()).not.toContain(token);

    await retire.press("Enter");
    await page.waitForSelector("#agent-told:has-text('Only the newest token of Thot')");
    await retire.waitFor({ state: "detached", timeout: 15_000 });
    await page.selectOption("#language", "fr");
    await page.getByRole("button", { name: "Créer un jeton Thot" }).waitFor();
    expect(page.problems).toEqual([]);
  });

  test("show the reason for a refused change beside the agents", async () => {
    const app = await startAgentsPageApp({ AGENT_TOKEN_THOT: "marked-given-bridge-token" });
    const page = await openPage(app.url, { width: 390, height: 800 });
    page.on("dialog", (dialog) => void dialog.accept());
    await page.fill("#token", RUNTIME_ADMIN_TOKEN);
    await page.press("#token", "Enter");
    await page.click("#agents summary");
    await page.getByRole("button", { name: "Create token Thot" }).click();
    await page.waitForSelector("#agent-problem:has-text('comes from the environment')");
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
  });
});
