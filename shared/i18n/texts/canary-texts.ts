/** What people read of the webhook check: the alert in Telegram, and the item and comment it edits in Plane. */
export interface CanaryTexts {
  silent: string;
  /** `{n}` is the number of seconds the webhook took. */
  back: string;
  itemName: string;
  /** HTML. */
  itemDescription: string;
  /** HTML. `{nonce}` is what the webhook is recognised by. */
  comment: string;
}
