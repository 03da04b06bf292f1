/** Replies that mean approval. Taking "ok" as a reason to send something back would surprise people. */
const APPROVAL_PATTERN = /^(?:ok|okay|approved?|approuver|approuvée?|👍\p{Emoji_Modifier}?|✅)[.!]*$/iu;

/** Whether a reply to a review or a plan approves it. */
export function isApproval(text: string): boolean {
  return APPROVAL_PATTERN.test(text.trim());
}
