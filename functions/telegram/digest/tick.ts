import type { Deps, Tick } from "../../../shared/deps.ts";
import type { Json, Key, Ms } from "../../../shared/store/port.ts";
import type { RichText } from "../../../shared/telegram/text.ts";
import { textsOf } from "../locales/say.ts";
import { dateIn, hourIn } from "./dates.ts";
import { pagesOf } from "./pages.ts";
import { digestText } from "./text.ts";

/** The clocks' hour in which it is told. */
const HOUR = 8;
/** Longer than anybody sets a clock back. */
const MARK_KEPT: Ms = 40 * 86_400_000;

const markKey = (date: string): Key => `digest:${date}`;

/**
 * The daily digest (NOTIF-08) at 08:00 of the settings' time zone: once a day over all processes, restarts and changes
 * of the clock, by a mark of the calendar day that is kept together with its messages. Looked for each minute of that
 * hour, so that one missed at 08:00 comes when somebody is there again.
 */
export const digest: Tick = {
  name: "digest",
  cron: () => `* ${HOUR} * * *`,
  sideBySide: true,
  run: async (deps) => ({ told: await tellDigest(deps) }),
};

/** Puts today's digest into the outbox, when it is time and nobody has; answers how many messages it is. */
async function tellDigest(deps: Pick<Deps, "store" | "settings" | "newId" | "kick">): Promise<number> {
  const { store, settings } = deps;
  if (!settings.telegram) return 0;
  const now = await store.now();
  if (hourIn(settings.timezone, now) !== HOUR) return 0;
  const key = markKey(dateIn(settings.timezone, now));
  const [told] = await store.read([key]);
  if (told) return 0;
  const texts = textsOf(settings.locale);
  const pages = pagesOf(await digestText(deps, settings.locale, now), texts.repeat.length + 1);
  const lane = `telegram:${settings.telegram.chat}`;
  const correlation = `digest-${deps.newId()}`;
  const outcome = await store.commit({
    expect: [[key, 0]],
    put: [{ key, value: { at: now }, expires: MARK_KEPT }],
    jobs: pages.map((rich, i) => {
      const answer = { rich: asJson(rich), language: texts.locale };
      return { id: `${key}:${i + 1}`, queue: "outbox", lane, body: { answer, correlation } };
    }),
  });
  if (outcome !== "kept") return 0;
  deps.kick();
  return pages.length;
}

function asJson({ text, entities }: RichText): Json {
  return { text, entities: entities.map((entity) => ({ ...entity })) };
}
