import type { Deps, Tick } from "../../../shared/deps.ts";
import { getTexts } from "../../../shared/i18n/texts.ts";
import type { Json, Ms, StoreKey } from "../../../shared/store/port.ts";
import type { RichText } from "../../../shared/telegram/rich-text.ts";
import { getZonedHour, toZonedDate } from "./dates.ts";
import { renderDigest } from "./render-digest.ts";
import { splitIntoMessages } from "./split-messages.ts";

/** The clocks' hour in which it is told. */
const DIGEST_HOUR = 8;
/** Longer than anybody sets a clock back. */
const MARK_RETENTION: Ms = 40 * 86_400_000;

const digestKey = (date: string): StoreKey => `digest:${date}`;

/**
 * The daily digest (NOTIF-08) at 08:00 of the settings' time zone: once a day over all processes, restarts and changes
 * of the clock, by a mark of the calendar day that is kept together with its messages. Looked for each minute of that
 * hour, so that one missed at 08:00 comes when somebody is there again.
 */
export const digestTick: Tick = {
  name: "digest",
  cron: () => `* ${DIGEST_HOUR} * * *`,
  sideBySide: true,
  run: async (deps) => ({ told: await enqueueDigest(deps) }),
};

/** Puts today's digest into the outbox, when it is time and nobody has; answers how many messages it is. */
async function enqueueDigest(deps: Pick<Deps, "store" | "settings" | "newId" | "kick">): Promise<number> {
  const { store, settings } = deps;
  if (!settings.telegram) return 0;
  const now = await store.now();
  if (getZonedHour(settings.timezone, now) !== DIGEST_HOUR) return 0;
  const key = digestKey(toZonedDate(settings.timezone, now));
  const [sent] = await store.read([key]);
  if (sent) return 0;
  const texts = getTexts(settings.locale).telegram;
  const pages = splitIntoMessages(await renderDigest(deps, settings.locale, now), texts.repeat.length + 1);
  const lane = `telegram:${settings.telegram.chat}`;
  const correlation = `digest-${deps.newId()}`;
  const outcome = await store.commit({
    expect: [[key, 0]],
    put: [{ key, value: { at: now }, expires: MARK_RETENTION }],
    jobs: pages.map((rich, i) => {
      const message = { rich: richTextToJson(rich), language: texts.locale };
      return { id: `${key}:${i + 1}`, queue: "outbox", lane, body: { answer: message, correlation } };
    }),
  });
  if (outcome !== "kept") return 0;
  deps.kick();
  return pages.length;
}

function richTextToJson({ text, entities }: RichText): Json {
  return { text, entities: entities.map((entity) => ({ ...entity })) };
}
