import type { createKeyboard } from "./keyboard.ts";
import { echo } from "./output.ts";
import { appendToTranscript } from "./transcript.ts";

const GLYPHS = ["·", "✢", "✳", "✶", "✻", "✽"];

/** Interval at which the spinner is drawn anew: 100 ms, as the real one. */
const SPINNER_MS = 100;

/** Pictures of the spinner in which one attempt is shown. */
const PICTURES_PER_ATTEMPT = 5;

/**
 * Waits for a model that never answers, until Escape: the spinner goes on, and with `reason` the model refuses the
 * request, which is repeated ten times. Each try is stored as a request, which is no message.
 */
export async function waitForModel(
  keyboard: ReturnType<typeof createKeyboard>,
  transcript: string,
  reason: string | undefined,
): Promise<void> {
  let pictures = 0;
  const spinner = setInterval(() => {
    const attempt = Math.min(10, 1 + Math.floor(pictures / PICTURES_PER_ATTEMPT));
    if (pictures % PICTURES_PER_ATTEMPT === 0 && reason !== undefined)
      appendToTranscript(transcript, { type: "api-request", timestamp: new Date().toISOString() });
    const glyph = GLYPHS[pictures % GLYPHS.length];
    const text =
      reason === undefined ? "Thinking… (esc to interrupt)" : `${reason} · retrying in 2s · attempt ${attempt}/10`;
    echo(`\r${glyph} ${text}\u001b[K`);
    pictures += 1;
  }, SPINNER_MS);
  for (let key: string | undefined = ""; key !== undefined && !key.startsWith("\u001b"); )
    key = await keyboard.readKey();
  clearInterval(spinner);
  echo("\r\u001b[K");
}
