/** The answer of a model in the form of OpenAI's streams: a message, why it ends, and the tokens of its prompt. */
export function formatModelStream(delta: object, finish: string, promptTokens = 1): string {
  const base = { id: "c1", object: "chat.completion.chunk", created: 1, model: "fake" };
  const choice = (part: object, reason: string | null) => [{ index: 0, delta: part, finish_reason: reason }];
  const usage = { prompt_tokens: promptTokens, completion_tokens: 10, total_tokens: promptTokens + 10 };
  const chunks = [{ choices: choice(delta, null) }, { choices: choice({}, finish) }, { choices: [], usage }];
  return `${chunks.map((chunk) => `data: ${JSON.stringify({ ...base, ...chunk })}\n\n`).join("")}data: [DONE]\n\n`;
}
