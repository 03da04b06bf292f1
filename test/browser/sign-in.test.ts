import { expect, test } from "vitest";
import { createSecret, storeSignInLink } from "../../shared/people/directory.ts";
import { describeInChromium, openPage, type TestPage } from "./browser.ts";
import { enterToken, PAGE_ADMIN_TOKEN, runPageApp, shareApp } from "./page-test-app.ts";

/** The product with Gil, a guest, and Mia, a member, whom the list of people has. */
async function startApp() {
  const people = new Map<string, { id: string; token: string }>();
  const app = await runPageApp(
    { TELEGRAM_ALLOWED_USERS: "7" },
    (plane, project) => {
      for (const [name, role] of [["Gil", 5] as const, ["Mia", 15] as const]) {
        const user = plane.addUser({ name, email: `${name.toLowerCase()}@example.com`, role });
        plane.addProjectMember(project, user, role);
        people.set(name, { id: user.id, token: plane.createApiKey(user) });
      }
    },
    { people: [{ email: "gil@example.com" }, { email: "mia@example.com", telegram: 7 }] },
  );
  await app.deps().ticks.runNow("poll");
  return {
    ...app,
    getToken: (name: string) => people.get(name)?.token ?? "",
    /** The address that the bot sends to a person. */
    async createLink(name: string): Promise<string> {
      const secret = createSecret();
      const { store, settings } = app.deps();
      await storeSignInLink({ store, settings }, secret, { person: people.get(name)?.id ?? "", language: "en" });
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

  test("a guest, a member and the admin see what their roles may use: chat, tickets, failed jobs, and comments", async () => {
    const app = getApp();
    app.plane.addItem(app.project, { name: "Write the guide", assignees: [app.thot] });
    const roles: [token: string, account: string, ...shown: boolean[]][] = [
      [app.getToken("Gil"), "gil (guest)", false, false, false, false],
      [app.getToken("Mia"), "mia (member)", false, true, false, true],
      [PAGE_ADMIN_TOKEN, "admin", true, true, true, true],
    ];
    for (const [token, account, ...shown] of roles) {
      const page = await openPage(app.url);
      await enterToken(page, token);
      await readAccount(page);
      await page.click('#views [data-view="board"]');
      await page.waitForSelector(".card:has-text('Write the guide')", { timeout: 45_000 });
      // A wide screen shows the chat beside the board, without a link of its own.
      const found = [await page.isVisible("#chat"), await page.isVisible('#views [data-view="tickets"]')];
      await page.goto(`${app.url}/settings`);
      await page.waitForSelector("#sign-ins-view li");
      found.push(await page.isVisible("#failed-jobs"));
      // The page asks for nothing before it knows the role, so that a view never lacks what the role may use.
      const asked: string[] = [];
      page.on("request", (request) => asked.push(new URL(request.url()).pathname));
      await page.goto(`${app.url}/task/ONB-1`);
      await page.waitForSelector("#task-view h2, #task-view h3");
      expect(asked.find((path) => path.startsWith("/api/"))).toBe("/api/session");
      found.push(await page.isVisible("#task-view textarea"));
      expect([await readAccount(page), ...found]).toEqual([account, ...shown]);
    }
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
    await page.route("**/api/session", (route) => route.abort());
    await expectProblem("Groundcrew ne répond pas");
    await page.route("**/api/session", (route) => route.fulfill({ json: { ok: true } }));
    await page.press("#token", "Enter");
    await page.waitForSelector("#sign-in-problem:has-text('cookie')");
  });
});
