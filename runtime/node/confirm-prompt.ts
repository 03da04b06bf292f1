import { createInterface } from "node:readline";

/** Creates a yes/no prompt for a terminal. The end of the input and Ctrl-C count as no. */
export function createConfirmPrompt(input: NodeJS.ReadableStream, output: NodeJS.WritableStream) {
  return (question: string): Promise<boolean> =>
    new Promise((resolve) => {
      const lines = createInterface({ input, output });
      lines.once("close", () => resolve(false));
      lines.question(`${question} [y/N] `, (answer) => {
        resolve(/^(y|yes|o|oui)$/i.test(answer.trim()));
        lines.close();
      });
    });
}
