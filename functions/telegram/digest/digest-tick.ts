import type { Deps, Tick } from "../../../shared/app/deps.ts";
import { getTexts } from "../../../shared/i18n/texts/get-texts.ts";
import { createAnnouncementJob } from "../../../shared/jobs/outbox-jobs.ts";
import type { StoreKey } from "../../../shared/store/port.ts";
import { toSoundExtras } from "../../../shared/telegram/message-sounds.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
import { getZonedHour, toZonedDate } from "../../../shared/zoned-date.ts";
import { renderDigest } from "./render-digest.ts";
import { splitIntoMessages } from "./split-messages.ts";

/** The digest is sent in this hour of the configured time zone. */
const DIGEST_HOUR = 8;
/** Retention for the record of a sent digest: 40 days, longer than anybody sets a clock back. */
const DIGEST_RETENTION: Ms = 40 * DAY;

const digestKey = (date: string): StoreKey => `digest:${date}`;

/**
 * Sends the daily digest (NOTIF-08) at 08:00 of the configured time zone. A record of the calendar day is committed
 * with its messages, so it is sent once a day over all processes, restarts and changes of the clock. The tick runs each
 * minute of that hour, so that a digest missed at 08:00 is sent as soon as a process runs again.
 */
export const digestTick: Tick = {
  name: "digest",
  cron: () => `* ${DIGEST_HOUR} * * *`,
  sideBySide: true,
  run: async (deps) => ({ told: await enqueueDigest(deps) }),
};

/** Puts today's digest into the outbox if it is due and not there yet; returns its number of messages. */
async function enqueueDigest(deps: Pick<Deps, "store" | "settings" | "newId" | "kick">): Promise<number> {
  const { store, settings } = deps;
  if (!settings.telegram) return 0;
  const now = await store.now();
  if (getZonedHour(settings.timezone, now) !== DIGEST_HOUR) return 0;
  const key = digestKey(toZonedDate(settings.timezone, now));
  const [sentDigest] = await store.read([key]);
  if (sentDigest) return 0;
  const texts = getTexts(settings.locale).telegram;
  const pages = splitIntoMessages(await renderDigest(deps, settings.locale, now), texts.repeat.length + 1);
  const { chat } = settings.telegram;
  const correlation = `digest-${deps.newId()}`;
  const outcome = await store.commit({
    expect: [[key, 0]],
    put: [{ key, value: { at: now }, expires: DIGEST_RETENTION }],
    jobs: pages.map((rich, i) =>
      createAnnouncementJob(
        `${key}:${i + 1}`,
        chat,
        { rich, language: texts.locale, ...toSoundExtras("digest") },
        correlation,
      ),
    ),
  });
  if (outcome !== "kept") return 0;
  deps.kick();
  return pages.length;
}
