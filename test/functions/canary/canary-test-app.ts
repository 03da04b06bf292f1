import { canaryTick } from "../../../functions/canary.ts";
import { createTestApp, type TestAppOptions } from "../../support/test-app.ts";

/** Creates a test app with a configured project for the canary and a chat. */
export async function createCanaryTestApp(options: TestAppOptions = {}) {
  const app = await createTestApp({
    config: { canary: { project: "ONB" } },
    ...options,
    setUpPlane: () => ({
      PLANE_WEBHOOK_SECRET: "wh-secret-of-these-tests",
      TELEGRAM_BOT_TOKEN: "1000:bot",
      TELEGRAM_CHAT_ID: "42",
      TELEGRAM_API_ROOT: "http://127.0.0.1:1",
    }),
  });
  const onb = app.addProject();
  app.plane.addItem(onb, { name: "Real work" });
  await app.runFirstPoll();
  app.takeEvents();
  return {
    app,
    onb,
    /** The beginnings and ends of notices, with their texts. */
    listNotices: () =>
      app.logged
        .filter(({ message }) => String(message).startsWith("notice "))
        .map(({ message, text }) => `${message}: ${text}`),
    /** Runs the tick; its webhook arrives while it waits. */
    async tickWithWebhook() {
      const running = canaryTick.run(app.deps);
      let done = false;
      void running.finally(() => {
        done = true;
      });
      while (!done) {
        await app.deliverWebhooks();
        await new Promise((resolve) => setImmediate(resolve));
      }
      return running;
    },
    /** Runs the tick; every webhook is lost. */
    async tickWithoutWebhook() {
      const counts = await canaryTick.run(app.deps);
      app.dropWebhooks();
      return counts;
    },
    findCanaryItem: () => app.plane.items(onb).find(({ external_id }) => external_id === "canary"),
  };
}
