import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { trackUpload } from "../../shared/tasks/deliverables/deliver-file.ts";
import { startAgentsPageApp } from "../functions/dashboard/agents-page-app.ts";
import { RUNTIME_ADMIN_TOKEN } from "../support/test-runtime.ts";
import { describeInChromium, openPage } from "./browser.ts";
import { enterToken, openSignedInPage, startPageTestApp } from "./page-test-app.ts";

describeInChromium("The parts of the page", () => {
  test("agents' tokens are rotated with the keyboard alone (AUTH-04): a new token is shown once, then the old one is revoked", async () => {
    const app = await startAgentsPageApp();
    const page = await openPage(`${app.url}/settings`);
    const asked: string[] = [];
    page.on("dialog", (dialog) => {
      asked.push(dialog.message());
      void (asked.length === 1 ? dialog.dismiss() : dialog.accept());
    });
    await enterToken(page, RUNTIME_ADMIN_TOKEN);
    await page.waitForSelector("#agents summary");
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
    await page.locator("#agent-close").press("Enter");
    expect(await page.evaluate("document.activeElement.tagName")).toBe("SUMMARY");
    expect(await page.content()).not.toContain(token);

    await page.locator("#agent-add summary").press("Enter");
    await page.getByLabel("Name", { exact: true }).fill("Anne's bot");
    await page.getByLabel("E-mail address in Plane").fill("bot@example.com");
    const command = "groundcrew agents add 'Anne'\\''s bot' --email bot@example.com --openclaw";
    expect(await page.textContent("#agent-add code")).toBe(command);
    await retire.press("Enter");
    await page.waitForSelector("#agent-told:has-text('Only the newest token of Thot')");
    await retire.waitFor({ state: "detached", timeout: 15_000 });
  });

  test("failed jobs are listed from the header's count with what they are for and why, and requeued or discarded with the keyboard alone", async () => {
    // Nothing listens there, so a job that is requeued waits for its next try.
    const url = "http://127.0.0.1:9/events";
    const forward = [{ url, secret: `whsec_${"c2VjcmV0".repeat(4)}`, events: ["completed"] }];
    const app = await startPageTestApp({}, undefined, { forward });
    await app.stop();
    for (const id of ["body:1/a", "body:2/b"]) {
      const facts = { at: "2026-11-23T08:00:00Z", item: { key: "ONB-7", title: "secret title" } };
      const body = { type: "event", url, event: { kind: "completed" }, facts, correlation: "c" };
      await app.store.commit({ jobs: [{ id, queue: "forward", lane: id, body }] });
      const [job] = await app.store.take("forward", 1_000, 1);
      if (job) await app.store.acknowledge(job, { dead: "refused\u202e by the other system" });
    }
    await app.restart();
    const page = await openSignedInPage(app.url);
    page.on("dialog", (dialog) => void dialog.accept());
    const readIds = async () => (await app.store.listDeadJobs("forward")).map(({ id }) => id);
    await page.locator("#failed-count", { hasText: "Failed jobs: 2" }).press("Enter");
    expect(await page.evaluate("document.activeElement.tagName")).toBe("SUMMARY");
    await page.waitForSelector("#failed-job-list li:has-text('body:1/a') time");
    const text = await page.textContent("#failed-job-list");
    expect(text).toContain("Event for another system (ONB-7)");
    expect(text).toContain("refused by the other system");
    expect(text).not.toContain("secret");
    await page.getByRole("button", { name: "Requeue Event for another system (ONB-7) body:1/a" }).press("Enter");
    await expect.poll(readIds).toEqual(["body:2/b"]);
    await page.getByRole("button", { name: "Discard Event for another system (ONB-7) body:2/b" }).press("Enter");
    await expect.poll(readIds).toEqual([]);
    await page.waitForSelector("#failed-count", { state: "hidden" });
  });

  test("what goes on is shown above the board, in English and French: the first look at Plane, the month's budget, a pause of Telegram, and an upload", async () => {
    let lift = () => {};
    const app = await startPageTestApp(
      {},
      (plane, project, thot) => {
        for (let n = 0; n < 3; n += 1) plane.addItem(project, { name: `Old task ${n}`, assignees: [thot] });
        lift = plane.faults.add({ path: "relations" }, { kind: "status", status: 503, body: "{}" });
      },
      { budget: { amount: 40, currency: "EUR" } },
    );
    const page = await openSignedInPage(app.url);
    const row = '#progress [data-part="first-look"]';
    await page.waitForSelector(`${row}:has-text("reading what blocks 3 tasks of agents and 0 other items")`);
    expect(await page.getByRole("progressbar", { name: "First look at Plane" }).count()).toBe(1);
    lift();
    await page.waitForSelector(row, { state: "detached", timeout: 60_000 });

    await app.actAsThot().report("ONB-1", { cost: 8 });
    await app.deps().ticks.runNow("figures");
    await page.reload();
    const spent = "Budget of the month: €8.00 spent + €0.00 estimated for open tasks, of €40.00 (20%).";
    await page.waitForSelector(`#budget:has-text("${spent}")`);
    await page.selectOption("#language", "fr");
    await page.waitForSelector('#budget:has-text("dépensés"):has-text("Tâches ouvertes de coût inconnu")');

    await app.store.pause("telegram:chat:4711", 3_600_000, true);
    await page.waitForSelector('.hold:has-text("Telegram a demandé une pause")');
    await page.click('.hold[data-system="telegram"] button:has-text("Réessayer")');
    await page.waitForSelector(".hold", { state: "detached" });
    expect((await app.store.listPauses())[0]?.until).toBeLessThanOrEqual(Date.now());

    let now = Date.now();
    const upload = { task: "ONB-1", name: "film\u202e.mp4", agent: "Thot", size: 6_000_000 };
    const progress = trackUpload({ ...app.deps(), clock: () => now }, upload);
    now += 2_000;
    await progress.record(1_500_000);
    await page.waitForSelector("#progress li");
    const text = (await page.textContent("#progress li"))?.replace(/[\u00a0\u202f]/g, " ");
    expect(text).toBe("Thot envoie un fichier à ONB-1 : film.mp41,5 Mo sur 6 Mo");
    expect(await page.evaluate("document.querySelector('#progress progress').value")).toBe(25);
    await progress.end();
    await page.waitForSelector("#progress", { state: "hidden" });
  });
});
