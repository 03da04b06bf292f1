import { interpretUpdate } from "../../functions/telegram/updates/interpret-message.ts";
import { createUpdatesHandler } from "../../functions/telegram/updates/updates-handler.ts";

/** The handler of Telegram's updates with everything that they can ask for, as in the manifest. */
export const updatesHandler = createUpdatesHandler(interpretUpdate);
