import { expect, test, vi } from "vitest";
import { SIMULATED_CHAT } from "../../reliability/simulators.ts";
import { startLocalProduct } from "./local-product.ts";

vi.setConfig({ testTimeout: 600_000 });

const ADA_USER = 4711;

test.runIf(process.env["FULL"]).each([
  ["", false],
  [", with kill -9 of the process before each press", true],
])(
  "a ticket is approved, allowed and written to Plane from Telegram, by the real tmux and git%s",
  async (_, isKilled) => {
    const product = await startLocalProduct({ TELEGRAM_ALLOWED_USERS: String(ADA_USER) });
    const { simulators, waitFor, host, call } = product;
    const { telegram, plane } = simulators;
    const findMessage = (part: string) =>
      telegram
        .chat(SIMULATED_CHAT)
        .messages.findLast(
          ({ text, from, buttons }) => from === undefined && text.includes(part) && buttons.length > 0,
        );
    /** Presses a button of the message with this text, when it is there. */
    async function press(part: string, label: string) {
      await waitFor(async () =>
        findMessage(part)
          ?.buttons.flat()
          .map(({ text }) => text),
      ).toContain(label);
      if (isKilled) await product.killAndRestart();
      const message = findMessage(part);
      const button = message?.buttons.flat().find(({ text }) => text === label);
      await telegram.press(SIMULATED_CHAT, ADA_USER, message?.id ?? 0, button?.callback_data ?? "");
    }

    const item = await product.addTicket([
      "permission echo made > made.txt; git add -A; git commit -qm 'feat: made'",
      "run printf 'All is done' > $GROUNDCREW_COMPLETION_FILE",
    ]);
    await press("Ticket to approve", "✅ Approve");
    await press("asks for permission", "✅ Allow");
    await press("Result to approve", "✅ Approve update");
    await waitFor(async () => product.readStatus(item)).toBe("Done");
    await waitFor(async () => (await call("/api/completed-tickets")).tickets).toMatchObject([
      { id: "ONB-1", state: "done" },
    ]);
    const comments = plane.comments(item).filter(({ comment_html }) => comment_html.includes("All is done"));
    expect(comments).toHaveLength(1);
    expect(host.git(["log", "--format=%s", "groundcrew/onb-1"])).toBe("feat: made\nfirst\n");
    await waitFor(async () => host.tmux("list-sessions")).toBe("");
  },
);
