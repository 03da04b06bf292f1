import { expect, test } from "vitest";
import { createSecret, storeSignInLink } from "../../shared/people/directory.ts";
import { describeInChromium, openPage, type TestPage } from "./browser.ts";
import { PAGE_ADMIN_TOKEN, runPageApp, shareApp } from "./page-test-app.ts";

/** The product with Gil, a guest, and Mia, a member, whom the list of people has. */
async function startApp() {
  const users = new Map<string, { id: string }>();
  const tokens = new Map<string, string>();
  const app = await runPageApp(
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

describeInChromium("PEOPLE-07: signing in", () => {
  const getApp = shareApp(startApp);

  test("a link signs in, leaves its secret neither in the address nor in the history, and works once; another session of the same person is ended from the settings", async () => {
    const app = getApp();
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
    // A person ends another session of theirs, which then asks to sign in.
    const first = await openPage(await app.createLink("Mia"));
    await readAccount(first);
    await first.click('[data-view="settings"]');
    await first.click("#sign-ins-view button:has-text('End')");
    await page.goto(app.url);
    await page.waitForSelector("#sign-in:not([hidden])");
    await first.waitForSelector("#sign-ins-view:has-text('this session')");
    expect(await first.locator("#sign-ins-view li").count()).toBe(1);
  });

  test("a guest, a member and the admin see the views and buttons that their roles may use", async () => {
    const app = getApp();
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

  test("a wrong token, a server that cannot answer, and a browser that keeps no cookie are said in words, in French too", async () => {
    const page = await openPage(getApp().url, { locale: "fr-FR" });
    const expectProblem = async (text: string) => {
      await page.press("#token", "Enter");
      await page.waitForSelector(`#sign-in-problem:has-text('${text}')`);
      expect(await page.isVisible("main")).toBe(false);
    };
    await page.fill("#token", "not it");
    await expectProblem("Le jeton ne correspond pas à ADMIN_TOKEN");
    const error = { code: "unavailable", message: "The store cannot be written." };
    await page.route("**/api/session", (route) => route.fulfill({ status: 503, json: { error } }));
    await expectProblem("Groundcrew ne peut pas répondre pour le moment");
    await page.route("**/api/session", (route) => route.abort());
    await expectProblem("Groundcrew ne répond pas");
    await page.route("**/api/session", (route) => route.fulfill({ json: { ok: true } }));
    await page.press("#token", "Enter");
    await page.waitForSelector("#sign-in-problem:has-text('cookie')");
    expect(page.problems).toEqual([]);
  });
});
