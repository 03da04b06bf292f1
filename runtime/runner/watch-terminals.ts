import { getErrorMessage } from "../../shared/errors.ts";
import type { ExchangeAnswer } from "../../shared/tickets/exchange.ts";
import type { TerminalFrame } from "../../shared/tickets/terminal-frame.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { wait } from "../../shared/wait.ts";
import type { FrameClient } from "./frame-client.ts";
import type { RunnerContext } from "./runner-context.ts";
import type { Pane } from "./tmux.ts";

/** Time between two pictures of a terminal: 100 ms. */
const PICTURE_MS: Ms = 100;
/** Delays after a frame that was not taken: 1 s, doubled each time, 5 s at most: somebody waits for it. */
const FIRST_RETRY_MS: Ms = SECOND;
const MAX_RETRY_MS: Ms = 5 * SECOND;

/** A terminal that somebody watches. */
interface WatchedTerminal {
  ticket: string;
  run: number;
  /** The last picture, to compare the next one with. */
  picture: string;
  /** The newest frame, if it is not sent yet. */
  unsent?: TerminalFrame;
  isSending: boolean;
  failures: number;
}

interface WatchOptions {
  frames: FrameClient;
  getPanes: () => readonly Pane[];
  signal: AbortSignal;
}

/**
 * Sends pictures of the terminals that somebody watches, each when it differs from the one before. While Groundcrew does
 * not take them, only the newest one is kept.
 */
export function createTerminalWatch(
  { tmux, settings, log }: Pick<RunnerContext, "tmux" | "settings" | "log">,
  { frames, getPanes, signal }: WatchOptions,
) {
  const watched = new Map<string, WatchedTerminal>();
  let begun = Promise.withResolvers<void>();
  let problem = "";
  signal.addEventListener("abort", () => begun.resolve());

  async function captureChanges(): Promise<void> {
    const names = new Map([...watched.values()].map((terminal) => [settings.prefix + terminal.ticket, terminal]));
    const present = getPanes().filter(({ name, run }) => names.get(name)?.run === run);
    const pictures = await tmux.captureTerminals(present.map(({ name }) => name));
    for (const [name, picture] of pictures) {
      const terminal = names.get(name);
      const text = JSON.stringify(picture);
      if (!terminal || text === terminal.picture) continue;
      terminal.picture = text;
      terminal.unsent = { run: terminal.run, ...picture };
      void sendNewest(terminal);
    }
  }

  async function sendNewest(terminal: WatchedTerminal): Promise<void> {
    if (terminal.isSending) return;
    terminal.isSending = true;
    const { ticket } = terminal;
    while (terminal.unsent && watched.get(ticket) === terminal && !signal.aborted) {
      const frame = terminal.unsent;
      delete terminal.unsent;
      const result = await frames.sendFrame(ticket, frame, signal);
      if (result.kind === "sent") {
        terminal.failures = 0;
        if (!result.isWatched && watched.get(ticket) === terminal) watched.delete(ticket);
        continue;
      }
      terminal.unsent ??= frame;
      terminal.failures += 1;
      if (terminal.failures === 1 && !signal.aborted)
        log.warn("frame was not taken", { ticket, reason: result.reason });
      await wait(Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(10, terminal.failures - 1)), signal);
    }
    terminal.isSending = false;
  }

  return {
    /** Begins and ends pictures as the newest answer says. A session that is being stopped stays as it is. */
    update({ sessions, stop }: Pick<ExchangeAnswer, "sessions" | "stop">) {
      const stopping = new Set(stop.map(({ ticket }) => ticket));
      const wanted = new Map(sessions.flatMap(({ ticket, run, watched }) => (watched ? [[ticket, run]] : [])));
      for (const [ticket, { run }] of watched)
        if (!stopping.has(ticket) && wanted.get(ticket) !== run) watched.delete(ticket);
      for (const [ticket, run] of wanted)
        if (!watched.has(ticket)) watched.set(ticket, { ticket, run, picture: "", isSending: false, failures: 0 });
      if (watched.size > 0) begun.resolve();
    },
    /** Whether somebody watches this ticket, as far as the runner knows. */
    isWatched: (ticket: string) => watched.has(ticket),
    /** Sends pictures until the signal. */
    async run(): Promise<void> {
      while (!signal.aborted) {
        if (watched.size === 0) {
          begun = Promise.withResolvers();
          await begun.promise;
          continue;
        }
        const startedAt = performance.now();
        try {
          await captureChanges();
          problem = "";
        } catch (thrown) {
          if (problem === "") log.warn("terminals cannot be read", { reason: getErrorMessage(thrown) });
          problem = getErrorMessage(thrown);
        }
        const pause = problem === "" ? PICTURE_MS : SECOND;
        await wait(Math.max(0, pause - (performance.now() - startedAt)), signal);
      }
    },
  };
}
