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
}

/** Plays all scenes. Resolves when the last one is over and all that they have caused is done. */
export async function playScript({ stage, story, pace, wait, stopping, isQuiet }: ScriptOptions): Promise<void> {
  await wait(pace);
  for (const scene of SCENES) {
    if (stopping.aborted) return;
    story.narrate("Plane", scene.title);
    scene.play(stage);
    await wait(pace * 3);
  }
  while (!stopping.aborted && !isQuiet()) await wait(pace);
}
