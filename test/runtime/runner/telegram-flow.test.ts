import { expect, test, vi } from "vitest";
import { SIMULATED_CHAT } from "../../reliability/simulators.ts";
import { createProductRig } from "./product-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

const ADA_USER = 4711;

/** Timeout for a state: more than the 45 s after which another process may poll Telegram when one was killed. */
const STATE_TIMEOUT_MS = 120_000;

test.runIf(process.env["FULL"]).each([
  ["", false],
  [", with kill -9 of the process before each press", true],
])(
  "a ticket is approved, allowed and written to Plane from Telegram, by the real tmux and git%s",
  async (_, isKilled) => {
    const rig = await createProductRig({ env: { TELEGRAM_ALLOWED_USERS: String(ADA_USER) } });
    const { telegram } = rig.simulators;
    const waitFor = <T>(read: () => T) => rig.waitFor(read, STATE_TIMEOUT_MS);
    const findMessage = (part: string) =>
      telegram
        .chat(SIMULATED_CHAT)
        .messages.findLast(
          ({ text, from, buttons }) => from === undefined && text.includes(part) && buttons.length > 0,
        );
    /** Presses a button of the message with this text, when it is there. */
    async function press(part: string, label: string) {
      await waitFor(() =>
        findMessage(part)
          ?.buttons.flat()
          .map(({ text }) => text),
      ).toContain(label);
      if (isKilled) await rig.restart("groundcrew");
      const message = findMessage(part);
      const button = message?.buttons.flat().find(({ text }) => text === label);
      await telegram.press(SIMULATED_CHAT, ADA_USER, message?.id ?? 0, button?.callback_data ?? "");
    }

    const { key, item } = await rig.addTicket([
      "permission echo made > made.txt; git add -A; git commit -qm 'feat: made'",
      "run printf 'All is done' > $GROUNDCREW_COMPLETION_FILE",
    ]);
    await press("Ticket to approve", "✅ Approve");
    await press("asks for permission", "✅ Allow");
    await press("Result to approve", "✅ Approve update");
    await waitFor(() => rig.readStatus(item)).toBe("Done");
    await waitFor(() => rig.readCompleted(key)).toMatchObject({ state: "done" });
    expect(rig.findComments(item, "All is done")).toHaveLength(1);
    expect(rig.host.git(["log", "--format=%s", "groundcrew/onb-1"])).toBe("feat: made\nfirst\n");
    await waitFor(() => rig.host.tmux("list-sessions")).toBe("");
  },
);
