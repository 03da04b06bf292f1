import type { PageFile } from "../functions/dashboard/page/page-files.ts";
import actionTextScript from "../functions/dashboard/page/script/action-text.js";
import agentsScript from "../functions/dashboard/page/script/agents.js";
import apiScript from "../functions/dashboard/page/script/api.js";
import boardScript from "../functions/dashboard/page/script/board.js";
import cardScript from "../functions/dashboard/page/script/card.js";
import chartScript from "../functions/dashboard/page/script/chart.js";
import chatScript from "../functions/dashboard/page/script/chat.js";
import decisionLogScript from "../functions/dashboard/page/script/decision-log.js";
import decisionRowScript from "../functions/dashboard/page/script/decision-row.js";
import domScript from "../functions/dashboard/page/script/dom.js";
import eventTextScript from "../functions/dashboard/page/script/event-text.js";
import failedJobsScript from "../functions/dashboard/page/script/failed-jobs.js";
import figuresScript from "../functions/dashboard/page/script/figures.js";
import graphKeysScript from "../functions/dashboard/page/script/graph-keys.js";
import headerScript from "../functions/dashboard/page/script/header.js";
import languageScript from "../functions/dashboard/page/script/language.js";
import liveScript from "../functions/dashboard/page/script/live.js";
import messageScript from "../functions/dashboard/page/script/message.js";
import pageScript from "../functions/dashboard/page/script/page.js";
import planScript from "../functions/dashboard/page/script/plan.js";
import planDetailScript from "../functions/dashboard/page/script/plan-detail.js";
import planGraphScript from "../functions/dashboard/page/script/plan-graph.js";
import planTableScript from "../functions/dashboard/page/script/plan-table.js";
import plansScript from "../functions/dashboard/page/script/plans.js";
import preferencesScript from "../functions/dashboard/page/script/preferences.js";
import progressScript from "../functions/dashboard/page/script/progress.js";
import refreshScript from "../functions/dashboard/page/script/refresh.js";
import selectionScript from "../functions/dashboard/page/script/selection.js";
import signInScript from "../functions/dashboard/page/script/sign-in.js";
import taskRowScript from "../functions/dashboard/page/script/task-row.js";
import teamScript from "../functions/dashboard/page/script/team.js";
import terminalScript from "../functions/dashboard/page/script/terminal.js";
import terminalKeysScript from "../functions/dashboard/page/script/terminal-keys.js";
import terminalScreenScript from "../functions/dashboard/page/script/terminal-screen.js";
import terminalStreamScript from "../functions/dashboard/page/script/terminal-stream.js";
import terminalTypingScript from "../functions/dashboard/page/script/terminal-typing.js";
import ticketActionsScript from "../functions/dashboard/page/script/ticket-actions.js";
import ticketCompletedScript from "../functions/dashboard/page/script/ticket-completed.js";
import ticketDialogScript from "../functions/dashboard/page/script/ticket-dialog.js";
import ticketFactsScript from "../functions/dashboard/page/script/ticket-facts.js";
import ticketLanguageScript from "../functions/dashboard/page/script/ticket-language.js";
import ticketPendingScript from "../functions/dashboard/page/script/ticket-pending.js";
import ticketQuestionsScript from "../functions/dashboard/page/script/ticket-questions.js";
import ticketSessionsScript from "../functions/dashboard/page/script/ticket-sessions.js";
import ticketTerminalScript from "../functions/dashboard/page/script/ticket-terminal.js";
import ticketViewScript from "../functions/dashboard/page/script/ticket-view.js";
import ticketsScript from "../functions/dashboard/page/script/tickets.js";
import viewsScript from "../functions/dashboard/page/script/views.js";
import agentsStyle from "../functions/dashboard/page/style/agents.css";
import baseStyle from "../functions/dashboard/page/style/base.css";
import boardStyle from "../functions/dashboard/page/style/board.css";
import chatStyle from "../functions/dashboard/page/style/chat.css";
import decisionLogStyle from "../functions/dashboard/page/style/decision-log.css";
import frameStyle from "../functions/dashboard/page/style/frame.css";
import graphStyle from "../functions/dashboard/page/style/graph.css";
import planStyle from "../functions/dashboard/page/style/plan.css";
import progressStyle from "../functions/dashboard/page/style/progress.css";
import signInStyle from "../functions/dashboard/page/style/sign-in.css";
import teamStyle from "../functions/dashboard/page/style/team.css";
import terminalStyle from "../functions/dashboard/page/style/terminal.css";
import terminalScreenStyle from "../functions/dashboard/page/style/terminal-screen.css";
import ticketTerminalStyle from "../functions/dashboard/page/style/ticket-terminal.css";
import ticketsStyle from "../functions/dashboard/page/style/tickets.css";
import viewsStyle from "../functions/dashboard/page/style/views.css";

import xtermStyle from "../node_modules/@xterm/xterm/css/xterm.css";
import xtermScript from "../node_modules/@xterm/xterm/lib/xterm.mjs";

/** A Worker has no disk: Wrangler puts the files' texts into its bundle, by the rule in wrangler.jsonc. */
const BUNDLED_ASSETS: Readonly<Record<PageFile, string>> = {
  "functions/dashboard/page/script/action-text.js": actionTextScript,
  "functions/dashboard/page/script/agents.js": agentsScript,
  "functions/dashboard/page/script/api.js": apiScript,
  "functions/dashboard/page/script/board.js": boardScript,
  "functions/dashboard/page/script/card.js": cardScript,
  "functions/dashboard/page/script/chat.js": chatScript,
  "functions/dashboard/page/script/decision-log.js": decisionLogScript,
  "functions/dashboard/page/script/decision-row.js": decisionRowScript,
  "functions/dashboard/page/script/dom.js": domScript,
  "functions/dashboard/page/script/event-text.js": eventTextScript,
  "functions/dashboard/page/script/failed-jobs.js": failedJobsScript,
  "functions/dashboard/page/script/graph-keys.js": graphKeysScript,
  "functions/dashboard/page/script/header.js": headerScript,
  "functions/dashboard/page/script/language.js": languageScript,
  "functions/dashboard/page/script/live.js": liveScript,
  "functions/dashboard/page/script/message.js": messageScript,
  "functions/dashboard/page/script/page.js": pageScript,
  "functions/dashboard/page/script/plans.js": plansScript,
  "functions/dashboard/page/script/preferences.js": preferencesScript,
  "functions/dashboard/page/script/progress.js": progressScript,
  "functions/dashboard/page/script/refresh.js": refreshScript,
  "functions/dashboard/page/script/selection.js": selectionScript,
  "functions/dashboard/page/script/sign-in.js": signInScript,
  "functions/dashboard/page/script/views.js": viewsScript,
  "functions/dashboard/page/style/base.css": baseStyle,
  "functions/dashboard/page/style/frame.css": frameStyle,
  "functions/dashboard/page/style/sign-in.css": signInStyle,
  "functions/dashboard/page/style/board.css": boardStyle,
  "functions/dashboard/page/style/progress.css": progressStyle,
  "functions/dashboard/page/script/chart.js": chartScript,
  "functions/dashboard/page/script/figures.js": figuresScript,
  "functions/dashboard/page/script/plan.js": planScript,
  "functions/dashboard/page/script/plan-detail.js": planDetailScript,
  "functions/dashboard/page/script/plan-graph.js": planGraphScript,
  "functions/dashboard/page/script/plan-table.js": planTableScript,
  "functions/dashboard/page/script/task-row.js": taskRowScript,
  "functions/dashboard/page/script/team.js": teamScript,
  "functions/dashboard/page/style/views.css": viewsStyle,
  "functions/dashboard/page/style/team.css": teamStyle,
  "functions/dashboard/page/style/graph.css": graphStyle,
  "functions/dashboard/page/style/plan.css": planStyle,
  "functions/dashboard/page/style/agents.css": agentsStyle,
  "functions/dashboard/page/style/decision-log.css": decisionLogStyle,
  "functions/dashboard/page/style/chat.css": chatStyle,
  "functions/dashboard/page/script/terminal.js": terminalScript,
  "functions/dashboard/page/script/terminal-keys.js": terminalKeysScript,
  "functions/dashboard/page/script/terminal-screen.js": terminalScreenScript,
  "functions/dashboard/page/script/terminal-stream.js": terminalStreamScript,
  "functions/dashboard/page/script/terminal-typing.js": terminalTypingScript,
  "functions/dashboard/page/style/terminal.css": terminalStyle,
  "functions/dashboard/page/style/terminal-screen.css": terminalScreenStyle,
  "functions/dashboard/page/style/ticket-terminal.css": ticketTerminalStyle,
  "node_modules/@xterm/xterm/css/xterm.css": xtermStyle,
  "node_modules/@xterm/xterm/lib/xterm.mjs": xtermScript,
  "functions/dashboard/page/script/ticket-actions.js": ticketActionsScript,
  "functions/dashboard/page/script/ticket-completed.js": ticketCompletedScript,
  "functions/dashboard/page/script/ticket-dialog.js": ticketDialogScript,
  "functions/dashboard/page/script/ticket-facts.js": ticketFactsScript,
  "functions/dashboard/page/script/ticket-language.js": ticketLanguageScript,
  "functions/dashboard/page/script/ticket-pending.js": ticketPendingScript,
  "functions/dashboard/page/script/ticket-questions.js": ticketQuestionsScript,
  "functions/dashboard/page/script/ticket-sessions.js": ticketSessionsScript,
  "functions/dashboard/page/script/ticket-terminal.js": ticketTerminalScript,
  "functions/dashboard/page/script/ticket-view.js": ticketViewScript,
  "functions/dashboard/page/script/tickets.js": ticketsScript,
  "functions/dashboard/page/style/tickets.css": ticketsStyle,
};

const assets = new Map<string, string>(Object.entries(BUNDLED_ASSETS));

export function readBundledAsset(path: string): string {
  const text = assets.get(path);
  if (text === undefined) throw new Error(`${path} is not in the Worker's bundle.`);
  return text;
}
