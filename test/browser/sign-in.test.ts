import { afterAll, describe, expect, test } from "vitest";
import { createSecret, storeSignInLink } from "../../shared/people/directory.ts";
import { closeSharedBrowser, hasChromium, openPage, type TestPage } from "./browser.ts";
import { PAGE_ADMIN_TOKEN, startPageTestApp } from "./page-test-app.ts";

afterAll(closeSharedBrowser);

/** The product with Gil, a guest, and Mia, a member, whom the list of people has. */
async function startApp() {
  const users = new Map<string, { id: string }>();
  const tokens = new Map<string, string>();
  const app = await startPageTestApp(
    { TELEGRAM_ALLOWED_USERS: "7" },
    (plane, project) => {
      for (const [name, role] of [["Gil", 5] as const, ["Mia", 15] as const]) {
        const user = plane.addUser({ name, email: `${name.toLowerCase()}@example.com`, role });
        plane.addProjectMember(project, user, role);
        users.set(name, user);
        tokens.set(name, plane.createApiKey(user));
      }
    },
    { people: [{ email: "gil@example.com" }, { email: "mia@example.com", telegram: 7 }] },
  );
  await app.deps().ticks.runNow("poll");
  return {
    ...app,
    getToken: (name: string) => tokens.get(name) ?? "",
    /** The address that the bot sends to a person. */
    async createLink(name: string): Promise<string> {
      const secret = createSecret();
      const { store, settings } = app.deps();
      await storeSignInLink({ store, settings }, secret, { person: users.get(name)?.id ?? "", language: "en" });
      return `${app.url}/sign-in#${secret}`;
    },
  };
}

const readAccount = async (page: TestPage) => {
  await page.waitForSelector("#account:not(:empty)");
  return page.textContent("#account");
};

describe.skipIf(!hasChromium())("PEOPLE-07: signing in, in Chromium", { timeout: 120_000 }, () => {
  test("a link signs in, leaves its secret neither in the address nor in the history, and works once", async () => {
    const app = await startApp();
    const link = await app.createLink("Mia");
    const page = await openPage(link);
    expect(await readAccount(page)).toBe("mia (member)");
    expect(await page.evaluate("location.href")).toBe(`${app.url}/inbox`);
    await page.goBack();
    expect(page.url()).not.toContain("#");
    const other = await openPage(link);
    await other.waitForSelector("#sign-in-problem:has-text('This link was used')");
    expect(other.url()).not.toContain("#");
    expect(page.problems.concat(other.problems)).toEqual([]);
  });

  test("a guest, a member and the admin see the views and buttons that their roles may use", async () => {
    const app = await startApp();
    app.plane.addItem(app.project, { name: "Write the guide", assignees: [app.thot] });
    const describePage = async (token: string) => {
      const page = await openPage(app.url);
      await page.fill("#token", token);
      await page.press("#token", "Enter");
      await readAccount(page);
      await page.click('#views [data-view="board"]');
      await page.waitForSelector(".card:has-text('Write the guide')", { timeout: 45_000 });
      const isShown = (selector: string) => page.isVisible(selector);
      const account = await readAccount(page);
      const chat = await isShown("#chat");
      const tickets = await isShown('#views [data-view="tickets"]');
      await page.goto(`${app.url}/settings`);
      await page.waitForSelector("#sign-ins-view li");
      const shown = {
        // A wide screen shows the chat beside the board, without a link of its own.
        ...{ account, chat, tickets },
        jobs: await isShown("#failed-jobs"),
        sessions: await isShown("#sign-ins"),
        comment: false,
      };
      // The page asks for nothing before it knows the role, so that a view never lacks what the role may use.
      const asked: string[] = [];
      page.on("request", (request) => asked.push(new URL(request.url()).pathname));
      await page.goto(`${app.url}/task/ONB-1`);
      await page.waitForSelector("#task-view h2, #task-view h3");
      expect(asked.find((path) => path.startsWith("/api/"))).toBe("/api/session");
      expect(page.problems).toEqual([]);
      return { ...shown, comment: await isShown("#task-view textarea") };
    };
    const everybody = { sessions: true };
    expect(await describePage(app.getToken("Gil"))).toEqual({
      ...{ ...everybody, account: "gil (guest)", chat: false, tickets: false, jobs: false, comment: false },
    });
    expect(await describePage(app.getToken("Mia"))).toEqual({
      ...{ ...everybody, account: "mia (member)", chat: false, tickets: true, jobs: false, comment: true },
    });
    expect(await describePage(PAGE_ADMIN_TOKEN)).toEqual({
      ...{ ...everybody, account: "admin", chat: true, tickets: true, jobs: true, comment: true },
    });
  });

  test("a person ends another session of theirs, which then asks to sign in", async () => {
    const app = await startApp();
    const [first, second] = [await openPage(await app.createLink("Mia")), await openPage(await app.createLink("Mia"))];
    await readAccount(first);
    await readAccount(second);
    await first.click('[data-view="settings"]');
    await first.click("#sign-ins-view button:has-text('End')");
    await second.reload();
    await second.waitForSelector("#sign-in:not([hidden])");
    await first.waitForSelector("#sign-ins-view:has-text('this session')");
    expect(await first.locator("#sign-ins-view li").count()).toBe(1);
  });
});
