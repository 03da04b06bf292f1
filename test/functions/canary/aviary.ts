import { canary } from "../../../functions/canary/tick.ts";
import { memoryStore } from "../../../shared/store/memory.ts";
import type { Store } from "../../../shared/store/port.ts";
import { type CrewOptions, createCrew } from "../../crew.ts";

/** A crew with a project for the canary, which the settings name, and a chat. */
export async function createAviary(options: CrewOptions & { project?: string | false } = {}) {
  const { project = "ONB", ...rest } = options;
  const said: { lane: string; text: string }[] = [];
  const crew = await createCrew({
    config: project === false ? { canary: false } : { canary: { project } },
    ...rest,
    staff: () => ({
      PLANE_WEBHOOK_SECRET: "wh-secret-of-these-tests",
      TELEGRAM_BOT_TOKEN: "1000:bot",
      TELEGRAM_CHAT_ID: "42",
      TELEGRAM_API_ROOT: "http://127.0.0.1:1",
    }),
    store: (clock) => {
      const store = memoryStore({ clock });
      const commit: Store["commit"] = async (what) => {
        const outcome = await store.commit(what);
        const messages = (what.jobs ?? []).filter(({ id }) => outcome === "kept" && id.startsWith("canary:"));
        said.push(...messages.map(({ lane, body }) => ({ lane, text: JSON.stringify(body) })));
        return outcome;
      };
      return { ...store, commit };
    },
  });
  const onb = crew.project();
  crew.plane.addItem(onb, { name: "Real work" });
  await crew.begin();
  crew.events();
  return {
    crew,
    onb,
    said,
    /** The tick, whose webhook comes while it waits. */
    async heard() {
      const running = canary.run(crew.deps);
      let done = false;
      void running.finally(() => {
        done = true;
      });
      while (!done) {
        await crew.deliver();
        await new Promise((resolve) => setImmediate(resolve));
      }
      return running;
    },
    /** The tick, with every webhook lost. */
    async unheard() {
      const counts = await canary.run(crew.deps);
      crew.lose();
      return counts;
    },
    item: () => crew.plane.items(onb).find(({ external_id }) => external_id === "canary"),
  };
}
