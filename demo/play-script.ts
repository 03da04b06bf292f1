import { SCENES, type SceneStage } from "./scenes.ts";
import type { Story } from "./story.ts";

interface ScriptOptions {
  stage: SceneStage;
  story: Story;
  /** Duration of a step in milliseconds. */
  pace: number;
  wait: (ms: number) => Promise<void>;
  stopping: AbortSignal;
  /** Whether everything that the scenes have caused is done. */
  isQuiet: () => boolean;
  /** A request waits for the scripted human, who will answer it. */
  isAnswerDue: () => boolean;
  /** Describes what has happened so far: it changes with every change in Plane and in the chat. */
  describeState: () => string;
}

/** Steps without any change after which the story is over, too: 24, a minute. Somebody has stopped an agent, or said no. */
const IDLE_STEPS = 24;

/** Plays all scenes. Resolves when the last one is over and all that they have caused is done, or nothing happens. */
export async function playScript(options: ScriptOptions): Promise<void> {
  const { stage, story, pace, wait, stopping, isQuiet, isAnswerDue, describeState } = options;
  await wait(pace);
  for (const scene of SCENES) {
    if (stopping.aborted) return;
    story.narrate("Plane", scene.title(stage.texts));
    scene.play(stage);
    await wait(pace * 3);
  }
  let [before, idleSteps] = ["", 0];
  while (!stopping.aborted && !isQuiet() && idleSteps < IDLE_STEPS) {
    const state = describeState();
    idleSteps = state === before && !isAnswerDue() ? idleSteps + 1 : 0;
    before = state;
    await wait(pace);
  }
}
