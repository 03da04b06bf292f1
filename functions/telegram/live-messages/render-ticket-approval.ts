import { keepDefined } from "../../../shared/keep-defined.ts";
import { observedKeys } from "../../../shared/observe/store-keys.ts";
import type { KeptProject } from "../../../shared/observe/stored-records.ts";
import { joinRichText, type RichText, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import type { Ticket, TicketCause } from "../../../shared/tickets/ticket.ts";
import { toRequestId } from "../../../shared/tickets/ticket-wait.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import type { Presentation } from "../presentation/presentation.ts";
import type { LiveTicketMessage, TicketWaitEvent } from "./live-message.ts";
import { renderLongText } from "./render-long-text.ts";
import type { TicketBody } from "./render-ticket.ts";
import { renderField } from "./render-ticket.ts";

/** Limits of the shown description and comment in UTF-16 units; together with the rest they fit into one message. */
const DESCRIPTION_LIMIT = 2_000;
const COMMENT_LIMIT = 1_000;

/** Renders a ticket that waits for approval: where it comes from, and the text that its session would get. */
export async function renderApprovalBody(
  context: DeliveryContext,
  { event, seen }: LiveTicketMessage,
  ticket: Ticket | undefined,
): Promise<TicketBody> {
  const { presentation, deps } = context;
  const { fields, priorities, live } = presentation.texts;
  const texts = live.ticket;
  const body = { headline: texts.headlines.approval, hint: texts.hints.approval };
  // A later request has another text: that of this one is not known any more.
  if (!ticket || !hasText(ticket, event)) return { ...body, lines: [], buttons: [] };
  const { item, shown } = ticket;
  const { description, comment } = shown.content;
  const [project] = await deps.store.read<KeptProject>([observedKeys.project(item.project)]);
  const lines = keepDefined([
    renderField(fields.project, project?.value.name ?? item.identifier, presentation),
    item.priority === "none" ? undefined : renderField(fields.priority, priorities[item.priority], presentation),
    renderCause(shown.cause, presentation),
    ...(description === ""
      ? [toPlainText(texts.noDescription)]
      : renderLongText(context, description, DESCRIPTION_LIMIT)),
    ...(comment === undefined
      ? []
      : [
          joinRichText(["💬 ", fields.comment, presentation.texts.colon]),
          ...renderLongText(context, comment, COMMENT_LIMIT),
        ]),
    seen === shown.hash ? undefined : toPlainText(`✏️ ${texts.changed}`),
  ]);
  const { approve, reject } = texts.buttons;
  return {
    ...body,
    lines,
    buttons: [
      [
        { label: approve, action: "ok" },
        { label: reject, action: "no" },
      ],
    ],
  };
}

/** Whether the ticket still has the text of this request. */
function hasText(ticket: Ticket, { wait, run }: TicketWaitEvent): boolean {
  const isApproved = ticket.run === run + 1 && ticket.approval?.hash === ticket.shown.hash;
  return isApproved || toRequestId(ticket) === wait.id;
}

function renderCause({ trigger, by }: TicketCause, { texts }: Presentation): RichText {
  const { ticket } = texts.live;
  const why = ticket.triggers[trigger];
  return by === undefined
    ? fillTemplate(ticket.requested, { why })
    : fillTemplate(ticket.requestedBy, { by: toSafeText(by, 80), why });
}
