import type { NoticeKind } from "../notice-kinds.ts";
import type { Locale } from "./localize.ts";

/** What is wrong, the one thing to do, and that it is over. */
interface NoticeText {
  text: string;
  remedy: string;
  over: string;
}

/** A command's arguments and its effect, for the help. */
interface CommandText {
  usage?: string;
  what: string;
}

/** Gives all commands one type, with and without arguments. */
const defineCommands = <Name extends string>(commands: Record<Name, CommandText>): typeof commands => commands;

/** Labels of the fields of a tool's input. */
const TOOL_FIELDS = {
  "field.command": "Command",
  "field.file_path": "File",
  "field.url": "Address",
  "field.diff": "Change",
  "field.content": "Content",
  "field.description": "Description",
};

/**
 * All English texts that people read. They define which texts there are: every other language has a file of the same
 * shape, and a text that it lacks fails type checking. `{name}` and the like are placeholders.
 */
export const en = {
  /** Texts of the messages in Telegram. */
  telegram: {
    /** For `Intl`. */
    locale: "en" as Locale,
    /** Between a label and its value. */
    colon: ": ",
    /** Description of `/plane` in the bot's command menu. */
    commandMenu: "Projects, agents and tasks: /plane help",
    /** The headline of a notification or beginning of its line, and the number of its kind in a message that counts. */
    events: {
      created: { title: "New task", one: "{n} new task", other: "{n} new tasks" },
      assigned: { title: "Assigned", one: "{n} task assigned", other: "{n} tasks assigned" },
      unassigned: { title: "Unassigned", one: "{n} task unassigned", other: "{n} tasks unassigned" },
      started: { title: "Started", one: "{n} task started", other: "{n} tasks started" },
      blocked: { title: "Blocked", one: "{n} task blocked", other: "{n} tasks blocked" },
      unblocked: { title: "Unblocked", one: "{n} task unblocked", other: "{n} tasks unblocked" },
      completed: { title: "Completed", one: "{n} task completed", other: "{n} tasks completed" },
      cancelled: { title: "Cancelled", one: "{n} task cancelled", other: "{n} tasks cancelled" },
      reopened: { title: "Reopened", one: "{n} task reopened", other: "{n} tasks reopened" },
      removed: { title: "Removed", one: "{n} task removed", other: "{n} tasks removed" },
      restored: { title: "Restored", one: "{n} task restored", other: "{n} tasks restored" },
      renamed: { title: "Renamed", one: "{n} task renamed", other: "{n} tasks renamed" },
      due: { title: "Due date changed", one: "{n} due date changed", other: "{n} due dates changed" },
      priority: { title: "Priority changed", one: "{n} priority changed", other: "{n} priorities changed" },
      comment_added: { title: "New comment", one: "{n} new comment", other: "{n} new comments" },
      comment_edited: { title: "Comment edited", one: "{n} comment edited", other: "{n} comments edited" },
      project_created: { title: "New project", one: "{n} new project", other: "{n} new projects" },
      project_completed: { title: "Project completed", one: "{n} project completed", other: "{n} projects completed" },
      project_deleted: { title: "Project deleted", one: "{n} project deleted", other: "{n} projects deleted" },
      cycle_started: { title: "Cycle started", one: "{n} cycle started", other: "{n} cycles started" },
      cycle_completed: { title: "Cycle completed", one: "{n} cycle completed", other: "{n} cycles completed" },
      asked: { title: "Question", one: "{n} question", other: "{n} questions" },
      answered: { title: "Question answered", one: "{n} question answered", other: "{n} questions answered" },
      critical: { title: "Critical comment", one: "{n} critical comment", other: "{n} critical comments" },
      claim_lost: { title: "Claim lost", one: "{n} claim lost", other: "{n} claims lost" },
      addressed: {
        title: "Passed on to its agent",
        one: "{n} message passed on to an agent",
        other: "{n} messages passed on to agents",
      },
      review: { title: "Review requested", one: "{n} task to review", other: "{n} tasks to review" },
      sent_back: { title: "Sent back", one: "{n} task sent back", other: "{n} tasks sent back" },
      stuck: {
        title: "Blocked by a dependency",
        one: "{n} task blocked by a dependency",
        other: "{n} tasks blocked by a dependency",
      },
      circle: { title: "Dependency cycle", one: "{n} dependency cycle", other: "{n} dependency cycles" },
      failed: { title: "Failed", one: "{n} failure", other: "{n} failures" },
      ticket: { title: "Ticket", one: "{n} ticket", other: "{n} tickets" },
      plan_proposed: { title: "Plan to approve", one: "{n} plan to approve", other: "{n} plans to approve" },
      plan_approved: { title: "Plan approved", one: "{n} plan approved", other: "{n} plans approved" },
      plan_rejected: { title: "Plan rejected", one: "{n} plan rejected", other: "{n} plans rejected" },
      plan_failed: { title: "Plan failed", one: "{n} plan failed", other: "{n} plans failed" },
      plan_completed: { title: "Plan completed", one: "{n} plan completed", other: "{n} plans completed" },
    },
    /** A project whose tasks were all cancelled: its headline, and their number in a message that shows counts. */
    closedProject: {
      title: "Project closed without result",
      one: "{n} project closed without result",
      other: "{n} projects closed without result",
    },
    /** Between a count and the name of its project. */
    inProject: " in ",
    /** Ends a list that shows its first values only. */
    more: { one: "… and {n} more", other: "… and {n} more" },
    /** Ends a message that shows counts but has no space for all of them. */
    moreChanges: { one: "… and {n} other change", other: "… and {n} other changes" },
    /** The progress of a cycle: `{done}` of `{total}`. */
    progress: "{done} of {total} done",
    fields: {
      project: "Project",
      agent: "Agent",
      status: "Status",
      priority: "Priority",
      due: "Due date",
      assignees: "Assigned to",
      blockers: "Blocked by",
      timeSpent: "Time spent",
      cost: "Cost",
      result: "Result",
      deliverables: "Deliverables",
      before: "Previous title",
      comment: "Comment",
      by: "By",
      dates: "Dates",
      choices: "Choices",
      answer: "Answer",
      confidence: "Confidence",
      reason: "Reason",
      waitsFor: "Depends on",
      heldSince: "Held since",
    },
    /** `{when}` is a time. */
    since: "since {when}",
    /** Before the agent's name in the headline of its question or report. */
    fromAgent: "from",
    /** Why an agent's claim of a task ended. `{minutes}` is 2 or more. */
    losses: {
      expired: "No activity for {minutes} minutes: the task was released.",
      reassigned: "The task was reassigned.",
      moved: "The task was changed or removed in Plane.",
      stopped: "Stopped by {by}.",
      deleted: "The project was deleted.",
    },
    /** After the key of a blocker: its status, which is why the task is blocked by a dependency. */
    stuck: { cancelled: "(cancelled)", blocked: "(blocked)" },
    /** After the headline of a question that is asked again. */
    reminder: "(reminder)",
    /** Replaces a missing date. */
    noDate: "none",
    statuses: { todo: "to do", in_progress: "in progress", blocked: "blocked", done: "done", cancelled: "cancelled" },
    priorities: { urgent: "urgent", high: "high", medium: "medium", low: "low", none: "none" },
    /** Ends a message that may be in the chat twice, because an earlier send got no answer. */
    repeat: "(may be a repeat)",
    /** Replies to commands. `{name}` and the like are placeholders. */
    answers: {
      help: "Commands",
      /** For the help: a command's arguments and its effect. */
      commands: defineCommands({
        status: { what: "projects, active agents, blocked tasks, requests waiting for you" },
        project: { usage: "<name>", what: "details of a project" },
        agent: { usage: "<name>", what: "details of an agent" },
        task: { usage: "<key>", what: "details of a task" },
        cycle: { usage: "[name]", what: "progress, remaining tasks and forecast of a cycle" },
        new: { usage: "<project> <title>", what: "create a task; without a project, the Concierge plans it" },
        assign: { usage: "<key> <agent>", what: "assign a task to an agent" },
        done: { usage: "<key> [summary]", what: "mark a task as done" },
        comment: { usage: "<key> <text>", what: "comment on a task" },
        stop: { usage: "<key> [reason]", what: "stop the work on a task at once" },
        due: { usage: "<key> <date>", what: "set the due date: 2026-12-01, tomorrow, friday, or - for none" },
        priority: { usage: "<key> <priority>", what: "set the priority: urgent, high, medium, low, none" },
        block: { usage: "<key> [reason]", what: "mark a task as blocked" },
        unblock: { usage: "<key> [reason]", what: "unblock a task" },
        cancel: { usage: "<key> [reason]", what: "cancel a task" },
        approve: { usage: "<key>", what: "approve a ticket, or a task in review, which is then done" },
        reject: { usage: "<key> [reason]", what: "reject a ticket, or send a task in review back to its agent" },
        mute: { usage: "<project or key> [duration]", what: "mute notifications, for example for 2h or 3d" },
        unmute: { usage: "<project or key>", what: "unmute notifications" },
        digest: { what: "show the daily digest now" },
        help: { what: "show this list" },
      }),
      usage: "Usage:",
      unknown: "Unknown command “{word}”.",
      nearest: "Did you mean this?",
      chooseMatch: {
        project: "Which project do you mean?",
        agent: "Which agent do you mean?",
        task: "Which task do you mean?",
        cycle: "Which cycle do you mean?",
      },
      confirmMatch: "Did you mean this task?",
      notFound: {
        project: "No project “{name}” found.",
        agent: "No agent “{name}” found.",
        task: "No open task “{name}” found.",
        cycle: "No cycle “{name}” found.",
      },
      choosePriority: "Which priority?",
      available: { project: "Projects: {names}", agent: "Agents: {names}", cycle: "Cycles: {names}" },
      moreMatches: { one: "{n} more match: be more specific.", other: "{n} more matches: be more specific." },
      /** Toast after the press of a button whose record has expired. */
      expiredButton: "This button has expired. Send the command again.",
      alreadyChosen: "{who} has already chosen.",
      back: "◀ {n} / {total}",
      next: "{n} / {total} ▶",
      lastRead: "Last poll of Plane: {age} ago. Later changes arrive by webhook.",
      neverRead: "Plane has not been polled yet.",
      closed: "{closed} of {total} closed",
      open: { one: "{n} open task", other: "{n} open tasks" },
      waitsFor: "depends on {keys}",
      headings: {
        status: "Status",
        atWork: "In progress",
        blocked: "Blocked",
        waiting: "Waiting for you",
        wishes: "Requests without an answer yet",
        todo: "To do",
        cycles: "Current cycles",
      },
      emptyLists: {
        projects: "No projects yet.",
        open: "No open tasks.",
        work: "No agent is working.",
      },
      fields: {
        role: "Role",
        description: "Description",
        past: "History",
        dependants: "Dependent tasks",
        progress: "Progress",
        said: "Latest update",
        session: "Session",
      },
      roles: { concierge: "Concierge (plans and assigns tasks)", worker: "Worker" },
      usualTime: "median {time} per task",
      /** What a person wrote about a task and its agent has not read yet. */
      unread: "{agent} has not read yet what {by} wrote: “{text}”",
      /** How the confidence has changed; `{percent}` includes its sign. */
      confidenceOver: {
        week: "{percent} in the last 7 days",
        month: "{percent} in the last 30 days",
        before: "{percent} before that",
      },
      inReview: "in review",
      confirmations: {
        made: "Created: {task}",
        asked: "Sent to {agent} for planning: {text}",
        assigned: "Assigned {task} to {agent}",
        done: "Done: {task}",
        due: "Due {date}: {task}",
        noDue: "Due date removed: {task}",
        priority: "Priority {priority}: {task}",
        blocked: "Blocked: {task}",
        unblocked: "Unblocked: {task}",
        cancelled: "Cancelled: {task}",
        approved: "Approved and done: {task}",
        sentBack: "Sent back: {task}",
        muted: "Muted until you unmute: {what}",
        mutedUntil: "Muted until {at}: {what}",
        unmuted: "Unmuted: {what}",
      },
      refusals: {
        already: "No change needed: {task}",
        notBlocked: "This task is not blocked: {task}",
        notInReview: "This task is not in review: {task}",
        over: "This task is already closed: {task}",
        notMuted: "This is not muted: {what}",
        noConcierge: "Name a project: no agent with the Concierge role is configured.",
        deafConcierge: "Name a project: {agent} cannot be woken (its “wake” setting is none).",
        noTime: "“{time}” is not a valid duration. Use a format such as 30m, 2h or 3d.",
        noDate: "“{date}” is not a valid date. Use 2026-12-01, tomorrow, friday, 3d, or - for no date.",
        beforeStart: "The due date must not be before the start date, {start}.",
        plane: "Plane refused the change or did not respond. Check Plane before you try again. Reason: {reason}",
        other: "The command failed: {reason}",
      },
      /** Replies to a message about a task. `{agents}` are names, `{keys}` task keys. */
      remarks: {
        passedOn: "Passed on to {agents}: {task}",
        stopped:
          "Work stopped: {task}. {agents} will be told at the next call. The task can be started again after a comment, a change of its state or a new assignment.",
        closed: "This task is closed, so no agent is woken; your comment was added in Plane: {task}",
        noAgent: "No agent is assigned; your comment was added in Plane: {task}",
        which: "That message is about several tasks. Begin your reply with one of their keys: {keys}",
        gone: "This task no longer exists, so nothing was passed on.",
      },
      neverMuted: "Questions, reviews and critical notifications are still sent.",
    },
    /** Texts about cycles. */
    cycles: {
      /** Number of open tasks. */
      left: { one: "{n} task left", other: "{n} tasks left" },
      allClosed: "all tasks closed",
      /** `{date}` is a day. */
      starts: "starts {date}",
      ends: "ends {date}",
      ended: "ended {date}",
      noDates: "no dates",
      /** Replaces the progress when no cycle is current. */
      noneCurrent: "No cycle is current.",
      upcoming: "Upcoming",
      none: "There are no cycles in Plane.",
      /** `{date}` is the day on which the last task is done. */
      forecast: "forecast {date}",
      onTime: "on time",
      late: { one: "{n} day late", other: "{n} days late" },
      /** `{n}` tasks a day. */
      pace: "at {n} tasks a day",
      noForecast: "not enough data for a forecast",
      stale: "Plane did not respond: these are stored data.",
    },
    /** Texts of the daily digest. */
    digest: {
      title: "Daily digest",
      done: "Completed yesterday",
      /** Replaces the list in an empty section. */
      nothing: "none",
      projects: "Projects completed",
      sinceBefore: "since before {when}",
      due: "Due today",
      overdue: "Overdue",
      reviews: "Waiting for your review",
      /** `{percent}` includes the percent sign. */
      confidence: "confidence {percent}",
      /** Plans that wait for approval. */
      plans: "Plans to approve",
      questions: "Questions waiting for your answer",
      forecast: "Forecast from history and estimates",
      /** `{what}` is a time, a cost or both. */
      estimate: "about {what}",
      fromFinished: { one: "based on {n} completed task", other: "based on {n} completed tasks" },
      fromEstimates: { one: "{n} planned estimate", other: "{n} planned estimates" },
      tooLittleData: "not enough data for an estimate",
      tooLittleDataFor: { one: "not enough data for {n} task", other: "not enough data for {n} tasks" },
      /** `{month}` is the name of the current month. */
      cost: "Cost in {month}",
      /** `{spent}`, `{open}` and `{budget}` include the currency, `{percent}` its sign; `{missing}` is `withoutEstimate`. */
      ofBudget: "{spent} spent + {open} estimated for open tasks, of {budget} ({percent}){missing}",
      /** The same in a notice of its own; `{threshold}` is 80 or 100 %, and `{month}` the month's name. */
      budgetNotice:
        "{threshold} of the budget for {month} reached: {spent} spent + {open} estimated for open tasks, of {budget} ({percent}){missing}.",
      /** Labels of the lines about all open tasks and about the budget of `{month}`. */
      forecastLabel: "Forecast for open tasks",
      budgetLabel: "Budget for {month}",
      withoutEstimate: { one: "cost of {n} open task unknown", other: "cost of {n} open tasks unknown" },
    },
    /** Replies to what people write without a command. `{agent}` is the Concierge. */
    freeText: {
      /** The text was sent to the Concierge. */
      sent: "Sent to {agent}.",
      /** Replies to texts that ask for nothing: "hello", "thank you", "ok". */
      smallTalk: {
        greeting: "👋 Hello. Write what you need and {agent} plans it with you. Commands: /plane help",
        thanks: "🙂 You are welcome.",
        noted: "👍 Noted. To answer a request, reply to its message.",
      },
      /** The text was sent as the answer to `{question}`. */
      answered: "Sent to {agent} as the answer to “{question}”.",
      /** The text was sent as what to change of the plan `{plan}`. */
      planSentBack: "Sent to {agent} as a change of the plan “{plan}”.",
      /** A picture or file came with the text. */
      onlyText: "Only the text is read, not the attachment.",
      /** A message has no text. */
      noText: "Only text is read. Write what you need as a message.",
      forwarded:
        "Forwarded messages are not read, because somebody else wrote them. Copy the text into a message of your own.",
      /** `{entry}` is an entry of the settings file. */
      noConcierge:
        "Nobody reads free text: no agent has the role “concierge”. Add one to “agents” in the settings file (groundcrew.json), then restart Groundcrew:\n{entry}\nOr use a command: /plane help",
      deafConcierge:
        '{agent} cannot be woken, so your text was not sent: its “wake” setting is none. Set "wake": "openclaw" for {agent} under “agents” in the settings file (groundcrew.json), then restart Groundcrew. Or use a command: /plane help',
      /** A word of approval that is a reply to nothing, while plans or reviews wait. */
      approveWhere: "To approve, press the button under the plan or the review, or reply to that message.",
      /** Asks what a text is for; the buttons follow. */
      chooseMeaning: "What is this message?",
      isAnswer: "Answer: {question}",
      isPlanChange: "Change of the plan: {plan}",
      isNew: "A new message to {agent}",
      /** Button of an unknown command: its whole text goes to the Concierge. */
      sendAll: "Send all of it to {agent}",
    },
    /** Texts of live messages: questions, reviews, plans and the progress of a task. */
    live: {
      /** How to answer a question or review: the last line of its message. */
      hint: {
        press: "Press a button, or reply to this message with your own answer.",
        reply: "Reply to this message to answer.",
        review: "Approve the task, or reply to this message with what is missing.",
        reason: "Reply to this message with the reason, or press the button again to send it back without one.",
      },
      /** The headline of a message without a task. */
      message: "Message",
      /** Questions: the headline of a reminder. */
      askedAgain: "Question (reminder)",
      urgent: "urgent",
      answered: "Answered by {by}",
      notNeeded: "The task is closed: no answer is needed.",
      expired: "Nobody answered in time: no answer is needed.",
      /** Reviews. */
      confidence: "Confidence of {agent}: {percent}",
      approve: "✅ Approve",
      cancel: "✖️ Cancel",
      sendBack: "↩️ Send back",
      withoutReason: "↩️ Send back without a reason",
      approved: "Approved by {by}",
      sentBack: "Sent back by {by}",
      rejected: "Rejected by {by}",
      reviewClosed: "No review is needed: the task is {word}.",
      changed: "Changed since this message was sent: {fields}. Review the task again before you approve it.",
      title: "title",
      text: "description",
      /** The toast after a press, or the reply to a reply. */
      toast: {
        over: "This request is closed.",
        reason: "Reply with the reason, or press again.",
        changed: "{key} has changed. Read it again before you approve it.",
      },
      /** Texts of proposed plans. */
      plan: {
        /** Before the text of the wish that the plan is for. `{by}` is a person. */
        wishOf: "Requested by {by}",
        /** The tasks that a task depends on. `{keys}` are numbers in the list, or keys. */
        after: "after {keys}",
        total: "Total",
        tasks: { one: "{n} task", other: "{n} tasks" },
        /** Number of tasks that are not part of the total cost. */
        withoutEstimate: { one: "cost of {n} task unknown", other: "cost of {n} tasks unknown" },
        /** `{spent}`, `{open}` and `{budget}` are amounts of the current month. */
        budget: "Budget of the month: {spent} spent + {open} estimated for open tasks, of {budget}",
        /** Buttons. */
        change: "✏️ Change",
        /** The last line of a proposal that waits for a decision. */
        hint: {
          decide: "Nothing is created before you approve. Reply to this message with what to change.",
          reason: "Reply to this message with what to change.",
        },
        /** Who decided. `{by}` is a person. */
        verdicts: {
          approved: "Approved by {by}",
          sent_back: "Sent back by {by}",
          cancelled: "Cancelled by {by}",
        },
        /** The message shows a proposal that another one has replaced. */
        replaced: "The plan has changed since. A newer message shows the current one.",
        /** The plan waits for no decision, although nobody decided. */
        closed: "Approval is no longer needed.",
        /** The toast after the press of Change. */
        reasonToast: "Reply with what to change.",
      },
      /** Texts of messages about tickets: approvals, what sessions wait for, and results. */
      ticket: {
        /** The first words of a message: what it wants. */
        headlines: {
          approval: "Ticket to approve",
          permission: "Claude Code asks for permission",
          input: "Claude Code waits for you",
          time: "The session’s time is almost over",
          exited: "The session ended without a result",
          time_over: "The session’s time is over",
          attention: "The session needs a look",
          failed: "The session failed",
          result: "Result to approve",
          update: "The update of Plane is not complete",
        },
        requestedBy: "Requested by {by} ({why})",
        requested: "Requested: {why}",
        /** What requested a ticket. */
        triggers: { created: "new task", status: "change of status", comment: "comment", test: "test" },
        noDescription: "No description.",
        /** The text is longer than a message; the first one where the page has an address. */
        shortened: { onPage: "… shortened; all of it: {page}", inPlane: "… shortened; all of it is on the page." },
        page: "page",
        terminal: "Terminal",
        changed: "The text has changed since this message was sent.",
        /** The time at which a session ends, and since when it has no output. */
        endsAt: "It ends at {time}.",
        silentSince: "No output since {time}.",
        /** The place of a question among those that a session asks at once. */
        part: "Question {number} of {count}",
        fields: TOOL_FIELDS,
        /** What a shortened input lacks. */
        leftOut: "… {n} characters left out …",
        /** Where to approve what a message does not show whole, at most 200 characters for the answer to a press. */
        allowElsewhere: {
          linked:
            "This message does not show all of it, so it can only be denied here. Read all of it and allow it on the {page}.",
          page: "The message does not show all of it, so it can only be denied here. Read all of it and allow it on the page.",
          terminal:
            "It is too long to be shown, so it can only be denied here. Read all of it and allow it in the terminal.",
          unknown: "Its input was not reported, so it can only be denied here. Read it and allow it in the terminal.",
        },
        /** What can be done: the last line of a message. */
        hints: {
          approval: "Nothing runs before you approve. The session gets exactly this text.",
          permission: "The session waits until you allow or deny it.",
          input: "Reply to this message: your text is typed into the session.",
          choices: "Press all answers that apply, then Done. Or reply to this message with an answer of your own.",
          time: "Without a decision the session is stopped then.",
          ended: "Resume the session, complete the ticket with a summary, or cancel it.",
          summary: "Reply to this message with the summary of what was done.",
          attention: "A reply to this message is typed into the session.",
          result: "Approve it to write it to Plane: a comment and the status. You can edit the summary on the page.",
          failed: "It is not started again. A change of the task requests a new ticket.",
        },
        buttons: {
          reject: "✖️ Reject",
          allow: "✅ Allow",
          always: "✅ Always for this ticket: {rule}",
          inRepository: "✅ Always for this repository: {rule}",
          deny: "⛔ Deny",
          extend: "⏱️ {minutes} more minutes",
          stop: "⏹️ Stop and cancel",
          resume: "▶️ Resume",
          choose: "✅ Done",
          complete: "🏁 Complete",
          approveUpdate: "✅ Approve update",
          retry: "🔁 Try again",
        },
        /** What came of it; also shown after a press. */
        outcomes: {
          approved: "Approved by {by}",
          rejected: "Rejected by {by}",
          cancelled: "Cancelled by {by}",
          closed: "The task was closed in Plane: the ticket is cancelled.",
          allowed: "Allowed by {by}",
          allowedByRule: "Always allowed by {by}: {rule}",
          denied: "Denied by {by}",
          extended: "Extended by {by}",
          resumed: "Resumed by {by}",
          completed: "The ticket is completed.",
          completedBy: "Completed by {by}",
          notNeeded: "No answer is needed any more.",
          typed: "Typed into the session of {key}.",
          summary: "Reply with the summary.",
          tests: "The test command runs now. The ticket is completed when it passes.",
        },
        commits: { one: "{n} commit", other: "{n} commits" },
        /** The update of Plane; `{problem}` is why a step failed. */
        update: {
          writing: "Being written to Plane, approved by {by}",
          noComment: "Not written yet: the comment with the summary, and the status. {problem}",
          noStatus: "The comment is written; the status is not set yet. {problem}",
          done: "Written to Plane, approved by {by}",
        },
        /** `/plane status`. */
        heading: "Tickets",
        counts: {
          pending: { one: "{n} waits for approval", other: "{n} wait for approval" },
          active: { one: "{n} session", other: "{n} sessions" },
          results: { one: "{n} result to approve", other: "{n} results to approve" },
        },
        /** `/plane approve` and `/plane reject`. */
        which: "Several things wait here. Which one?",
        options: {
          ticket: "🎫 The ticket: {title}",
          review: "🔍 The review: {title}",
          result: "🎫 The result: {title}",
        },
        confirmations: {
          approved: "Ticket approved: {task}",
          rejected: "Ticket rejected: {task}",
          updating: "Result approved, it is written to Plane: {task}",
        },
        nothingWaits: "No ticket and no review waits here: {task}",
      },
      /** Progress of a task. */
      unattended: "no agent active",
      /** The summary of progress, while more than ten agents are at work. */
      agentsAtWork: { one: "{n} agent at work", other: "{n} agents at work" },
      summaryEnded: "Each task has its own progress message again.",
      /** The list of what waits for a person. */
      waiting: { one: "{n} waits for you", other: "{n} wait for you" },
      nothingWaits: "Nothing waits for you.",
      /** Replaces the list after a reminder has sent it again. */
      waitingMoved: "⬇️ The list of what waits for you is further down.",
    },
    refusals: {
      invalidKey: "“{key}” is not a valid task key. Use a key such as ONB-12.",
      unknownTask: "The task {task} does not exist in Plane, or Groundcrew has no access to it.",
      removedTask: "{task} was deleted or archived in Plane.",
      deletedProject: "The project of {task} was deleted in Plane.",
      removedProject: "The project of {task} was archived or deleted in Plane, or Groundcrew has lost access to it.",
      unknownProject: "The project “{project}” was not found. Projects: {projects}.",
      foreignProject: "The project “{project}” exists already and was not created by Groundcrew. Choose another name.",
      archivedProject: "The project “{project}” is in Plane’s archive. Restore it in Plane, or choose another name.",
      takenProject: "Another project in Plane has the same name or identifier. Choose another one.",
      invalidProject: "Plane does not accept the project’s name or identifier. Use letters, digits and spaces.",
      existingTask:
        "“{title}” was created in {project} before and has been archived or deleted since. Use another title to create it again.",
      invalidTitle: "The title must have 1 to {limit} characters; this one has {n}.",
      invalidDate: "“{date}” is not a valid date. Use the form YYYY-MM-DD.",
      invalidGroup: "The name of a cycle or module must have 1 to {limit} characters.",
      invalidChange: "There is nothing to change, or the start date is after the due date.",
      textTooLong: "The text is too long. Shorten it, or attach it to the task as a file.",
      emptyText: "The text is empty.",
      requestGone: "This request no longer exists.",
      answerNotOffered: "This answer is not possible. Possible answers: {answers}.",
      unknownPerson: "Nobody in the Plane workspace is called “{name}”. Agents: {agents}.",
      ambiguousPerson: "Several people in the Plane workspace are called “{name}”. Use an e-mail address.",
      noAccount: "{agent} has no account in the Plane workspace. Invite it there first.",
      guest:
        "Plane does not accept {name} as the assignee of {task}. Make {name} a member of the project {project} in Plane.",
      noMemberRights:
        "Groundcrew’s Plane account cannot add members to {project}. Make it an admin of that project, or add the members yourself.",
      noState: "{project} has no state in Plane that means “{status}”. Add one in the project’s settings.",
      notInReview: "{task} is not in review; it is {status}.",
      ticketGone: "The ticket does not exist any more.",
      ruleGone: "This rule was taken back already.",
      terminalBusy: "The terminal asks for something else, so nothing is typed. Answer that first.",
      ticketClosed: "{task} was closed, removed or reassigned in Plane: its ticket is cancelled.",
      ticketNotPossible: "The ticket’s state does not allow this any more. Look at it again.",
      /** `{reason}` lists the following texts. */
      ticketNotDone: "{task} is not done yet: {reason}",
      unreadRemark: "{by} wrote to the session: “{text}”",
      noBranchCommit: "it requires a commit, and the runner sees none on the branch",
      noTestsLine: "it requires tests, and no line of the summary reports them, such as “Tests: 12 passed”",
      testsNotPassed: "it requires tests that passed, and “{tests}” does not say so",
      /** `{commit}` is the beginning of an id, or `-`. */
      testCommandFailed: "it requires tests, and {command} did not pass (commit {commit}): {problem}",
      blockerLine:
        "The description of {task} names {blocker} in a “Blocked by” line inside other text. Edit the description in Plane.",
      blockerTwice: "{blocker} was to be added and removed at the same time.",
      blockerCycle: "{task} cannot depend on {blocker}: the tasks would block each other ({path}).",
      planner: "{agent}, which made this plan, is no longer a Concierge. Ask a Concierge to repeat the plan.",
      planAssignees: "The plan assigns tasks to someone who is not known in the Plane workspace.",
      commentNotPosted: "{agent} could not comment on the task: {reason}",
      fileNotAttached: "{agent} could not attach a file to the task: {reason}",
      statusNotSet: "{agent} could not set the task to {status}: {reason}",
      tokenOverridden:
        "{setting} comes from the environment, which overrides the secrets file. Replace it there; or remove it there, restart Groundcrew and try again.",
      tokenElsewhere:
        "Groundcrew manages no secrets file here. Replace AGENT_TOKEN_<AGENT> where the secrets are configured.",
      tokenNotReplaced:
        "The token of {agent} was not replaced, because the secrets file or its folder cannot be read or written now. The log has the reason.",
      failedJobGone: "This failed job no longer exists. It may have been requeued or discarded already.",
      commandsOff: "Commands are disabled. Set TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID and TELEGRAM_ALLOWED_USERS.",
      signInOff: "ADMIN_TOKEN is not set, so signing in is not possible. Set it and restart Groundcrew.",
      noHold: "No rate limit stops requests to {system} any more.",
      planeKey: "Plane refused the API key. Check the key in the settings.",
      planePermission: "Plane does not allow this. Check the role of the account in the workspace and in the project.",
      planeNotFound: "Plane did not find the object. It may have been deleted or archived.",
      planeConflict: "Plane already has an object like this.",
      planeInvalid: "Plane rejected the change ({detail}).",
      planeBusy: "The limit of requests to Plane is reached. Try again in {seconds} s.",
      planeUnavailable: "Plane did not respond. Check that it is running.",
      planeUnexpected:
        "Plane gave an unexpected response. Check its address and version, and any proxy in front of it.",
      internal: "Internal error; the log has the details under {id}.",
    },
  },
  page: {
    "event.created": "This task was created{by}.",
    "event.assigned": "This task was assigned to {who}{by}.",
    "event.unassigned": "The assignment of this task to {who} was removed{by}.",
    "event.started": "Work on this task was started{by}.",
    "event.blocked": "This task was blocked{by}.",
    "event.unblocked": "This task was unblocked{by}.",
    "event.completed": "This task was completed{by}.",
    "event.cancelled": "This task was cancelled{by}.",
    "event.reopened": "This task was reopened{by}.",
    "event.removed": "This task was deleted or archived{by}.",
    "event.restored": "This task was restored{by}.",
    "event.renamed": "This task was renamed{by}. Its title was “{from}”.",
    "event.due": "The due date was moved{by}: {from} → {to}",
    "event.due.set": "The due date was set{by}: {to}",
    "event.due.removed": "The due date was removed{by}: it was {from}",
    "event.priority": "The priority was changed{by}: {from} → {to}",
    "event.comment_added": "A comment was added{by}.",
    "event.comment_edited": "A comment was edited{by}.",
    "event.project_created": "This project was created{by}.",
    "event.project_deleted": "This project was deleted in Plane.",
    "event.project_completed": "All tasks of this project are done or cancelled.",
    "event.cycle_started": "This cycle has started.",
    "event.cycle_completed": "This cycle has ended.",
    "event.asked": "{agent} asked a question: “{text}”",
    "event.asked.reminder": "Reminder: {agent} waits for the answer to “{text}”",
    "event.answered": "{who} answered the question of {agent}: “{text}”",
    "event.critical": "{agent} reported something critical: “{text}”",
    "event.claim_lost": "{agent} lost its claim on this task.",
    "event.claim_lost.expired": "{agent} lost its claim on this task: it made no call for {minutes} minutes.",
    "event.claim_lost.reassigned": "{agent} lost its claim, because the task was reassigned.",
    "event.claim_lost.moved": "{agent} lost its claim, because the status of the task was changed in Plane.",
    "event.claim_lost.deleted": "{agent} lost its claim, because the project was deleted.",
    "event.claim_lost.stopped": "{agent} lost its claim, because {who} stopped the work.",
    "event.addressed": "{who} wrote to the agent of this task: “{text}”",
    "event.review": "{agent} finished with a confidence of {confidence} and asks for a review.",
    "event.sent_back": "This task was sent back to {agent}{by}.{reason}",
    "event.stuck": "This task was blocked, because it depends on {blocker}.",
    "event.stuck.cancelled": "This task was blocked, because it depends on {blocker}, which was cancelled.",
    "event.stuck.blocked": "This task was blocked, because it depends on {blocker}, which is blocked.",
    "event.circle": "These tasks wait for each other: {path}.",
    "event.failed": "An operation of {agent} failed: “{text}”",
    "event.ticket": "The ticket of this task changed. {text}",
    "event.ticket.pending": "A ticket for a Claude Code session waits for approval.",
    "event.ticket.allowed_by_rule": "The ticket’s session ran a tool without asking, allowed by rule {text}",
    "event.ticket.approved": "The ticket was approved{by}.",
    "event.ticket.answered_permission": "The session’s request for permission was answered{by}: {text}",
    "event.ticket.answered_input": "The session’s question was answered{by}: “{text}”",
    "event.ticket.starting": "The ticket’s session is starting.",
    "event.ticket.running": "The ticket’s session is running.",
    "event.ticket.waiting": "The ticket’s session waits for a person. {text}",
    "event.ticket.completed": "The ticket’s session has a result: “{text}”",
    "event.ticket.updating": "The ticket’s result is being written to Plane.",
    "event.ticket.done": "The ticket’s result was written to Plane.",
    "event.ticket.rejected": "The ticket was rejected{by}. {text}",
    "event.ticket.failed": "The ticket’s session failed. {text}",
    "event.ticket.cancelled": "The ticket was cancelled{by}. {text}",
    "event.plan_proposed": "{agent} proposed a plan, which waits for approval. Tasks: {n}.",
    "event.plan_approved": "The plan was approved{by}.",
    "event.plan_rejected": "The plan was rejected{by}.{reason}",
    "event.plan_failed": "The plan of {agent} cannot be completed: “{text}”",
    "event.plan_completed": "All tasks of the plan are closed. Tasks: {n}.",
    "via.webhook": "webhook",
    "via.read": "poll",
    "via.absence": "not found on read",
    "via.relations": "dependency change",
    "via.bridge": "agent tool",
    "did.outbox.waiting": "A message to chat {to} waits to be sent.",
    "did.outbox.folded": "It will be added to a message in chat {to} within seconds.",
    "did.outbox.delivered": "Message sent to chat {to} ({at}).",
    "did.outbox.repeat": "Message sent to chat {to} ({at}). The connection broke meanwhile, so it may be there twice.",
    "did.outbox.set_aside": "The message to chat {to} could not be sent: {reason}",
    "did.outbox.discarded": "The message to chat {to} could not be sent and was discarded ({at}).",
    "did.outbox.muted": "No message to chat {to}: this task or project is muted there.",
    "did.forward.waiting": "It waits to be forwarded to {to}.",
    "did.forward.delivered": "Forwarded to {to} ({at}).",
    "did.forward.set_aside": "It could not be forwarded to {to}: {reason}",
    "did.forward.discarded": "It could not be forwarded to {to} and was discarded ({at}).",
    "did.wake.woken": "{to} was woken.",
    "did.wake.passed_on": "{to} is woken if there is something new that it can start.",
    "did.wake.set_aside": "{to} could not be woken: {reason}",
    "did.wake.discarded": "{to} could not be woken; discarded ({at}).",
    "did.other": "Processed internally.",
    "did.nothing": "Groundcrew had nothing to do.",
    "did.show": "Show in Chat",
    "rule.named": "“{rule}”",
    "rule.numbered": "entry {n} of {list}",
    "rule.default": "Rule: {rule}, one of the default notification rules.",
    "rule.settings": "Rule: {rule} in your settings.",
    "rule.always": "This is always sent, because Groundcrew waits for a person.",
    "rule.wake": "Agents are always woken about work that concerns them.",
    technical: "Technical details",
    "technical.source": "Source",
    "technical.event": "Event",
    "technical.action": "Action",
    "technical.skipped": "Skipped",
    "technical.correlation": "Correlation",
    by: " by {who}",
    reason: " Reason: “{text}”",
    "held.no_rule": "No message: no notification rule covers this.",
    "held.muted": "No message: the rule {rule} suppresses it.",
    "held.not_set_up": "No message: Telegram is not configured. Rule: {rule}.",
    "held.other_event": "No message: another message reports the same.",
    "held.polls": "{rule} was not woken: it asks for its work by itself.",
    "head.when": "Time",
    "head.what": "What happened",
    "head.answer": "What Groundcrew did, and why",
    failed_jobs: "Failed jobs",
    "failed_jobs.discard": "Discard",
    "failed_jobs.discard.sure":
      "Discard this failed job? {what}: its work is not done, and it cannot be restored. ({id})",
    "failed_jobs.none": "No failed jobs. What fails permanently is listed here with its reason.",
    "failed_jobs.oldest": "The {n} oldest are listed.",
    "failed_jobs.requeue": "Requeue",
    "failed_jobs.requeued": "Requeued: {what}. It is tried again within seconds.",
    "failed_jobs.discarded": "Discarded: {what}.",
    "failed_jobs.queue.inbox": "Change reported by Plane",
    "failed_jobs.queue.observe": "Read from Plane",
    "failed_jobs.queue.outbox": "Message to Telegram",
    "failed_jobs.queue.forward": "Event for another system",
    "failed_jobs.queue.work": "Follow-up of a change",
    "failed_jobs.queue.wake": "Wake of an agent",
    "failed_jobs.queue.updates": "Message or button from Telegram",
    "failed_jobs.queue.people": "What people write to agents",
    "failed_jobs.queue.posts": "Comment or state in Plane for a person",
    progress: "In progress",
    "progress.first_look": "First look at Plane",
    "progress.projects": "{done} of {projects} projects read, {read} work items so far",
    "progress.blockers": "reading what blocks {tasks} tasks of agents and {items} other items",
    "progress.upload": "{agent} uploads a file to {task}",
    "progress.of": "{what}: {file}",
    "progress.bytes": "{sent} of {size}",
    "rule.default.completed tasks": "completed tasks",
    "rule.default.critical blockers": "critical blockers",
    "rule.default.projects": "projects",
    "rule.default.cycles": "cycles",
    "rule.default.questions": "questions",
    "rule.default.reviews": "reviews",
    "rule.default.plans": "plans",
    "rule.default.trouble": "problems",
    board: "Board",
    why: "Activity",
    chat: "Chat",
    views: "Views",
    skip: "Skip to the content",
    "why.hint": "What happened, what Groundcrew did about it, and which rule decided",
    "why.of": "Only {item}",
    "why.all": "Show all activity",
    "why.session": "Session of the agent: {session}",
    more: "Load older entries",
    loading: "Loading…",
    failed: "Loading failed: {reason}",
    unreachable: "Groundcrew is not responding.",
    retry: "Retry",
    projects: "Project",
    "projects.all": "All projects",
    language: "Language",
    someone: "someone",
    agent: "agent",
    budget: "Budget of the month: {spent} spent + {open} estimated for open tasks, of {budget} ({percent}).",
    "budget.tickets": "Of what is spent, tickets: {n}.",
    "budget.unknown": "Open tasks of unknown cost: {n}.",
    beyond: "Open tasks not shown: {n}. Choose a project to see them.",
    "column.todo": "To do",
    "column.in_progress": "In progress",
    "column.blocked": "Blocked",
    "column.done": "Recently done",
    "priority.urgent": "Urgent",
    "priority.high": "High",
    "priority.medium": "Medium",
    "priority.low": "Low",
    "priority.none": "No priority",
    "word.cancelled": "cancelled",
    "health.good": "{part} is available",
    "health.unknown": "{part} has not been checked yet",
    "health.bad": "{part} is unavailable: {reason}",
    "health.set_aside": "Failed jobs: {n}",
    "health.held": "{part} asked Groundcrew to wait: {n} min left",
    "health.retry": "Try now",
    "health.waiting": "{n} pending",
    "health.store": "Store",
    "health.store_memory": "Redis memory: {n}% used",
    "health.store_disk": "Disk of the store: {n} MiB free",
    "live.on": "Live",
    "live.lost": "Connection lost.",
    "live.wait": "Retrying in {n} s.",
    "live.full": "Too many pages are open for live updates. This page refreshes every few seconds instead.",
    "live.back": "Reconnected.",
    "sign.in": "Sign in",
    "sign.out": "Sign out",
    "sign.token": "Admin token",
    "sign.why": "The value of ADMIN_TOKEN in the Groundcrew settings.",
    "sign.go": "Sign in",
    "sign.wrong": "The token does not match ADMIN_TOKEN, or ADMIN_TOKEN is not set.",
    "sign.cookie":
      "The token is correct, but your browser did not store the session cookie. Open the page at its PUBLIC_URL.",
    "sign.often": "Too many wrong tokens. The right one is always accepted; check it, or try again in a minute.",
    "empty.board": "No projects yet. The first poll of Plane takes a moment.",
    "empty.column": "No tasks",
    "empty.why": "No activity yet. Items that existed before Groundcrew started produce no notifications.",
    "empty.item": "No activity for this task since Groundcrew started.",
    "empty.chat": "No messages yet.",
    "card.agent": "Agent: {who}",
    "card.held": "claimed by {who} until {until}",
    "card.held.title": "Since {since}. Each call from the agent extends the claim.",
    "card.review": "Waiting for your review",
    /** Comments that the task's agents have not read yet. */
    "card.unread": "{n} not read by its agent",
    "card.stop": "Stop the work of {who} on {key}",
    "card.blockers": "Depends on {keys}",
    "card.due": "Due {day}",
    "card.overdue": "Due {day}, overdue",
    "card.open": "Open {key} in Plane",
    "card.trail": "Show the activity of {key}",
    "chat.edited": "edited {at}",
    "chat.notices": "{n} notifications",
    "chat.of": "Chat {chat}",
    "chat.say": "Message to Groundcrew",
    "chat.send": "Send",
    "chat.hint": "/plane help",
    "chat.gone": "This action is no longer available: the message has changed.",
    "chat.linked.gone": "This message is no longer kept: messages are shown for 7 days.",
    "chat.reply": "Reply",
    "chat.reply.not": "Cancel reply",
    "chat.replies": "Reply to “{text}”",
    plan: "Plan",
    plans: "Plans",
    "plan.steps": "{done} of {total} steps",
    "plan.tasks": "{done} of {total} tasks",
    "plan.working": "agents work on it",
    "plan.awaiting_approval": "awaiting approval",
    "plan.running": "in progress",
    "plan.done": "complete",
    "plan.rejected": "rejected",
    "plan.failed": "failed",
    agents: "Agents and tokens",
    "agents.where":
      "To connect an agent, use its current token: {path} on the server. Create a token only to replace it; the new one is stored there as well.",
    "agents.new": "Create token",
    "agents.new.sure":
      "Create a new bridge token for {name}? The current token stays valid until you revoke it; any older token is revoked now.",
    "agents.retire": "Revoke old token",
    "agents.retire.sure": "Revoke the old bridge token of {name}? Clients that still use it are refused.",
    "agents.retired": "Within a few seconds, only the newest token of {name} is valid.",
    "agents.token": "New token for {name}",
    "agents.once":
      "This token is shown only once and becomes valid within a few seconds. Give it to the agent, then revoke the old token.",
    "agents.copy": "Copy",
    "agents.copied": "Copied.",
    "agents.close": "Close",
    "agents.both": "two active tokens",
    "agents.none": "no token",
    "problem.bad_request": "Groundcrew did not accept the request. Reload the page and try again.",
    "problem.forbidden": "Not allowed. Open the page at its PUBLIC_URL or at an address in ALLOWED_HOSTS.",
    "problem.not_found": "This no longer exists. It may have been completed or removed in the meantime.",
    "problem.conflict": "This is no longer possible. Reload the page to see the current state.",
    "problem.too_large": "The text is too long.",
    "problem.rate_limited": "Too many requests. Try again in a minute.",
    "problem.unavailable": "Groundcrew cannot answer at the moment. Try again shortly.",
    "problem.internal": "Internal error. The log of Groundcrew has the details.",
    "news.one": "{what}",
    "news.many": "{n} new events. Latest: {what}",
  },
  pageViews: {
    tickets: "Tickets",
    "team.tickets": "Sessions of tickets",
    "team.month": "This month: {cost}",
    team: "Team",
    "team.hint": "Last 14 days",
    "team.empty": "No agents yet. Configure them under “agents” in the settings file.",
    "team.concierge": "Concierge",
    "team.working": "working",
    "team.idle": "idle",
    "team.none": "No open tasks",
    "team.more": "and {n} more",
    "team.list.holds": "Working on",
    "team.list.startable": "Ready to start",
    "team.list.waiting": "Waiting",
    "team.list.review": "Waiting for your review",
    "team.note.until": "until {until}",
    "team.note.held": "claimed by {who}",
    "team.note.after": "after {keys}",
    "team.note.blocked": "blocked",
    "team.note.unread": "not released yet",
    "chart.tasks": "Tasks",
    "chart.ms": "Time",
    "chart.cost": "Cost",
    "chart.confidence": "Confidence",
    "chart.today": "today",
    "chart.label": "{name} of {who}, per day: {total}, at most {most} on {day}",
    "chart.label.none": "{name} of {who}, per day: nothing in these 14 days",
    "chart.latest": "on {day}",
    "chart.day": "Day",
    "show.label": "Show as",
    "show.chart": "Charts",
    "show.graph": "Graph",
    "show.table": "Table",
    graph: "Plan",
    "graph.choose": "Choose a project to see its plan.",
    "graph.empty": "No tasks in this project yet.",
    "graph.closed": "{closed} of {total} tasks closed",
    "graph.independent": "Tasks without dependencies",
    "graph.step": "Step {n}",
    "graph.label": "Tasks by dependency",
    "graph.keys": "Arrow keys move between tasks: right to what waits for this one, left to what it waits for.",
    "graph.none": "No task depends on another one.",
    "graph.unread": "Tasks whose dependencies have not been read from Plane yet: {n}.",
    "graph.left_out.label": "Not shown:",
    "graph.left_out.open": "open tasks ({n})",
    "graph.left_out.finished": "finished tasks ({n})",
    "graph.left_out.dependencies": "dependencies ({n})",
    "graph.fact.open": "Open tasks",
    "graph.fact.ms": "Work left",
    "graph.fact.path": "Critical path",
    "graph.fact.tasks": "{n} tasks",
    "graph.fact.earliest": "Earliest finish",
    "graph.fact.in": "in {duration}",
    "graph.fact.cost": "Cost left",
    "graph.note.basis":
      "Forecast from each agent’s finished tasks, else from the plan’s estimates, if agents work without a break, each on one task at a time.",
    "graph.note.unknown": "Open tasks without an estimate: {n}.",
    "graph.mark.critical": "Critical path",
    "graph.mark.cycle": "Dependency cycle",
    "graph.node.left": "{duration} left",
    "graph.node.after": "waits for {keys}",
    "graph.node.before": "before {keys}",
    "graph.head.step": "Step",
    "graph.head.task": "Task",
    "graph.head.status": "Status",
    "graph.head.agent": "Agent",
    "graph.head.after": "Waits for",
    "graph.head.left": "Left",
    "status.todo": "To do",
    "status.in_progress": "In progress",
    "status.blocked": "Blocked",
    "status.done": "Done",
    "status.cancelled": "Cancelled",
    "detail.label": "Task {key}",
    "detail.close": "Close",
    "detail.left": "Work left",
    "detail.after": "Waits for",
    "detail.before": "Then",
  },
  /** Texts of the webhook check: its alerts in Telegram, and the work item and comment it edits in Plane. */
  canary: {
    itemName: "Groundcrew webhook check (please do not delete)",
    /** HTML. */
    itemDescription:
      "<p>Groundcrew edits the comment below every hour and checks that Plane sends a webhook for it. It produces no notifications, and no agent works on it.</p>",
    /** HTML. The webhook of the edit is recognized by `{nonce}`. */
    comment: "<p>Groundcrew edits this comment every hour to check that webhooks arrive. <code>{nonce}</code></p>",
  },
  /** Texts of the agent card. */
  card: {
    /** For `Intl`. */
    locale: "en" as Locale,
    title: "Agent card",
    /** Follows the title. */
    origin: ", kept up to date by Groundcrew",
    labels: {
      agent: "Agent",
      lastAgent: "Last agent",
      since: "Since",
      stopped: "Stopped",
      received: "Received",
      session: "Session",
      progress: "Progress",
      last: "Last",
      time: "Time",
      timer: "Timer",
      cost: "Cost",
      planned: "Planned",
      estimate: "Estimate",
      confidence: "Confidence",
      commit: "Commit",
      tests: "Tests",
      summary: "Summary",
      review: "Review",
    },
    /** Between a label and its value. */
    colon: ":",
    /** `{n}` is 0 to 100. */
    percent: "{n} %",
    /** Who stopped the work, and when. */
    stopped: "by {by}, {at}",
    /** Whose words were received last, and when; then the words, and that they are passed on later. */
    received: "from {by}, {at}",
    receivedWords: ": “{words}”",
    receivedLater: ", limit of wakes reached: passed on at {at}",
    /** Which agent has read it, and at what time of the day. */
    read: ", read by {by} {at}",
    /** A running timer. `{at}` is a time. */
    timer: "{agent} since {at}",
    /** Amounts of each agent after their sum. */
    sum: "{sum} ({parts})",
    /** A confidence that no agent has reported. */
    assumed: "{n} (assumed)",
    /** The summary exists. */
    written: "written",
    /** An open review. `{confidence}` is 0 to 1. */
    review: "asked {at}, confidence {confidence}",
    /** `{estimate}` is a cost, a time or both; `{tasks}` is `finishedTasks`. */
    estimate: "{estimate} (from {tasks})",
    tooLittle: "too little to tell ({tasks})",
    finishedTasks: { one: "{n} finished task of this size", other: "{n} finished tasks of this size" },
  },
  /** Messages about a Plane that does not answer. `{since}` and `{until}` are times. */
  /**
   * Operational notices; see shared/notice-kinds.ts. `text` says what is wrong and why, `remedy` the one thing to do,
   * `over` that it is over. `{since}` is the time of the beginning, `{subject}` what it is about.
   */
  notices: {
    lasted: "It lasted {duration}, from {since} to {until}.",
    again: "Time {n} since {since}.",
    kinds: {
      plane_refused: {
        text: "Plane has refused Groundcrew's API key since {since}: {reason}. Nothing is read from Plane or written to it.",
        remedy:
          "Create a key in Plane (Profile settings, Personal access tokens) and set PLANE_API_KEY, or run npm run provision.",
        over: "Plane accepts Groundcrew's API key again.",
      },
      plane_unreachable: {
        text: "Plane has not answered since {since}: {reason}. Groundcrew keeps trying: changes in Plane and the work of agents wait until it is back.",
        remedy: "Start Plane, or run npm run doctor to find the cause.",
        over: "Plane is back.",
      },
      polls_failing: {
        text: "Polls of Plane have failed since {since}: {reason}. Changes without a webhook are not found.",
        remedy: "Run npm run doctor to find the cause.",
        over: "Polls of Plane succeed again.",
      },
      plane_list_wrong: {
        text: "What Plane lists of {projects} cannot be right since {since}: most of it is missing, or the list is refused. Nothing is removed and no task ends before Plane confirms it task by task.",
        remedy:
          "Check in Plane that the projects are there and that Groundcrew's account is their member. Then run npm run doctor.",
        over: "Plane lists {projects} as it was known again, or has confirmed what is gone.",
      },
      plane_untested: {
        text: "Plane has version {version}. Groundcrew is tested with {tested}.",
        remedy: "Read the release notes of Groundcrew for this version, or run npm run doctor.",
        over: "Plane has a version again with which Groundcrew is tested.",
      },
      agent_key_refused: {
        text: "Plane has refused the API key of the agent {subject} since {since}: {reason}. The agent cannot work.",
        remedy: "Run npm run provision, which creates a new key.",
        over: "Plane accepts the API key of the agent {subject} again.",
      },
      webhook_off: {
        text: "No webhooks have arrived from Plane since {since}: a test edit produced none within a minute. Groundcrew still finds changes by polling.",
        remedy: "Run npm run provision, which repairs the webhook.",
        over: "Webhooks from Plane arrive again.",
      },
      store_unreachable: {
        text: "The store has not answered since {since}: {reason}. Webhooks wait at Plane, and agents get errors.",
        remedy: "Start the store (Redis), or run npm run doctor to find the cause.",
        over: "The store answers again.",
      },
      store_damaged: {
        text: "The store's file is damaged: {reason}. Some tasks, claims or messages cannot be read.",
        remedy: "Stop Groundcrew and run npm run restore with the newest backup.",
        over: "The store is not damaged any more.",
      },
      store_full: {
        text: "The store has taken no writes since {since}, because its space is used up: {reason}.",
        remedy: "Free space on the disk of the store, or raise Redis' maxmemory.",
        over: "The store takes writes again.",
      },
      store_read_only: {
        text: "The store has refused writes since {since}: {reason}.",
        remedy: "Make the disk of the store writable, or point STORE_URL at the primary Redis.",
        over: "The store takes writes again.",
      },
      store_lost: {
        text: "The store's file was moved, deleted or replaced while Groundcrew uses it: {reason}.",
        remedy: "Put the file back, or restart Groundcrew to use the new one.",
        over: "The store's file is in its place again.",
      },
      store_emptied: {
        text: "The store was emptied: what happened between {from} and {until} may not have been reported. Groundcrew has read its tasks from Plane again.",
        remedy:
          "Check the tasks that changed in that time, and give Groundcrew a Redis database of its own (STORE_URL).",
        over: "The store was emptied and has been filled again. What happened between {from} and {until} may not have been reported.",
      },
      space_low: {
        text: "Little space is left: {reason}.",
        remedy: "Free space on the disk of the store, or raise Redis' maxmemory.",
        over: "There is enough space for the store again.",
      },
      backup_old: {
        text: "The newest backup in BACKUP_FOLDER is old: {newest}.",
        remedy: "Run npm run backup, and read its output.",
        over: "There is a new backup.",
      },
      backup_incomplete: {
        text: "The newest backup lacks a part: {missing}.",
        remedy: "Run npm run backup, and read its output.",
        over: "The newest backup is complete.",
      },
      backup_not_copied: {
        text: "Backups are not copied elsewhere: the last copy is {newest}.",
        remedy: "Run npm run backup, and read what BACKUP_AFTER prints.",
        over: "Backups are copied elsewhere again.",
      },
      runner_away: {
        text: "Tickets have waited for a ticket runner since {since}: none is connected.",
        remedy: "Start the runner: groundcrew runner.",
        over: "A ticket runner is connected.",
      },
      gateway_away: {
        text: "OpenClaw has not taken the wakes of {subject} since {since}: {reason}.",
        remedy: "Start OpenClaw's gateway, or run npm run doctor to find the cause.",
        over: "OpenClaw takes the wakes of {subject} again.",
      },
      clock_wrong: {
        text: "This machine's clock differs from Plane's by {difference}.",
        remedy: "Turn on time synchronization: timedatectl set-ntp true.",
        over: "This machine's clock is right again.",
      },
      settings_refused: {
        text: "The changed settings are invalid, so the previous ones stay in use: {reason}.",
        remedy: "Fix the file; Groundcrew reads it again.",
        over: "The changed settings are in use.",
      },
      names_deleted: {
        text: "A state or label that Groundcrew uses was deleted in Plane: {names}.",
        remedy: "Run npm run provision, which creates it again.",
        over: "All states and labels that Groundcrew uses exist again.",
      },
      alert: { text: "{name}: {text}", remedy: "{remedy}", over: "{name} is resolved." },
    } satisfies Record<NoticeKind, NoticeText>,
  },
  /**
   * Why nothing happens with a task, or what does (shared/tasks/why.ts): a sentence for each kind, and the labels of
   * its remedies. `{since}` is the time that the sentence names, `{progress}` begins with a comma or is empty.
   */
  why: {
    reasons: {
      done: "{key} is done.",
      cancelled: "{key} is cancelled.",
      request: "{key} has waited for a person since {since}: {request}.",
      working: "{agent} has worked on {key} since {since}{progress}.",
      session: "A Claude Code session works on {key}.",
      session_waiting: "{key} is approved and waits for a ticket runner.",
      in_review: "{key} has the label review: agents leave it until a person has reviewed it.",
      hidden: "{key} belongs to a plan that is still being carried out.",
      unread: "The dependencies of {key} are still being read from Plane.",
      cycle: "{key} waits for itself: {path}. Remove one of these dependencies.",
      blocked: "{key} waits for {blockers}.",
      plane_refused: "{key} waits, because Plane has refused Groundcrew's API key since {since}: {reason}.",
      plane_unreachable: "{key} waits, because Plane has not answered since {since}: {reason}.",
      plane_paused: "{key} waits, because Plane asked for no requests until {since}.",
      owner_unknown: "Groundcrew is still finding out which agent {key} belongs to.",
      no_agents: "Nobody works on {key}: there are no agents in the settings.",
      unassigned: "No agent is assigned to {key}.",
      stopped: "{by} stopped the work on {key} ({since}).",
      marked_blocked: "{key} is marked as blocked in Plane.",
      backlog: "{key} is in {state}; agents start at {ready}.",
      key_refused: "Plane has refused the API key of {agent} since {since}, so that it cannot start {key}.",
      gateway_away: "{agent} cannot be woken for {key}: its gateway has been away since {since}.",
      being_woken: "{agent} is being woken for {key}.",
      woken: "{agent} was woken for {key} ({since}) and has not called yet.",
      unanswered: "{agent} was woken {times} times for {key}, last at {since}, and did not call.",
      called: "{agent} has called since it was woken for {key} (last at {since}), but has not started it.",
      busy: "{agent} works on {others} first.",
      polls: "{agent} fetches {key} by itself; its last call was at {since}.",
      never_called: "{agent} has never called, so that it does not know of {key}.",
      webhook_off:
        "{agent} has not been woken for {key}: no webhooks have arrived since {since}, and polls find changes later.",
      not_woken: "{agent} has not been woken for {key} yet.",
    },
    requests: {
      question: "a question from {from}",
      review: "the review of {from}'s work",
      plan: "a plan of {from}",
      ticket: "the approval of its ticket",
      permission: "a permission for {from}",
      result: "the result of {from}",
      budget: "a decision about the budget",
      agent: "a decision about {from}",
    },
    remedies: {
      answer: "Answer",
      open: "Open",
      open_other: "Open {subject}",
      setup: "Check the setup",
      try_now: "Try now",
      assign: "Assign to {agent}",
      resume: "Let it continue",
      unblock: "Unblock",
      move: "Move to {ready}",
      wake: "Wake {agent}",
      wake_again: "Wake again",
    },
  },
  /** The set-up list: a sentence for each step in each state. `{reason}` is in the other system's own words. */
  setup: {
    plane: {
      ok: "Plane answers.",
      open: "Plane has not been asked yet.",
      failed: "Plane does not answer: {reason}",
      unset: "Plane is not set up.",
    },
    key: {
      ok: "Plane accepts Groundcrew's API key.",
      open: "Groundcrew's API key has not been used yet.",
      failed: "Plane refuses Groundcrew's API key: {reason}",
    },
    webhook: {
      ok: "Webhooks arrive from Plane, the last one in {seconds} s.",
      open: "No test edit was made in Plane in the last two hours; one follows within the hour.",
      failed: "No webhooks have arrived from Plane for {minutes} minutes, and changes are found by polls.",
      unset: "No webhook is set up in Plane, and changes are found by polls.",
    },
    telegram: {
      ok: "Telegram is connected.",
      open: "Telegram has not been used yet.",
      failed: "Telegram cannot be used: {reason}",
      unset: "Telegram is not set up.",
    },
    agent: {
      ok: "Agents are connected: {agent} has called.",
      open: "No agent has called yet.",
      unset: "There are no agents in the settings.",
    },
    task: { ok: "A first task is done.", open: "No task is done yet." },
    runner: { ok: "The ticket runner {runner} is connected.", failed: "No ticket runner is connected." },
  },
  /**
   * Comments that Groundcrew posts to Plane. The texts are HTML: callers escape the values of placeholders.
   */
  comments: {
    /** For `Intl`. */
    locale: "en" as Locale,
    /** Heading of an agent's comment, by its kind. */
    headings: { progress: "Progress", error: "Error", question: "Question" },
    /** Between a heading and the percentage. */
    colon: ": ",
    /** `{n}` is 0 to 100. */
    percent: "{n}%",
    /** Heading of the comment on a change of status. */
    statuses: {
      todo: "Returned to todo",
      in_progress: "Started",
      blocked: "Blocked",
      done: "Done",
      cancelled: "Cancelled",
    },
    /** `{confidence}` and `{threshold}` are 0 to 1. */
    review: "<strong>Finished, waiting for review</strong>: confidence {confidence}, below {threshold}",
    commit: "Commit: {commit}",
    tests: "Tests: {tests}",
    /** Before the list of criteria that the task must meet. */
    criteria: "Acceptance criteria:",
    /** `{file}` is a link, `{size}` has its unit. */
    deliverable: "Deliverable: {file} ({size})",
    question: "<strong>Question</strong>",
    answer: "<strong>Answer</strong> ({by}):",
    approved: "<strong>Approved</strong> by {by}",
    sentBack: "<strong>Sent back</strong> by {by}",
    rejected: "<strong>Rejected</strong> by {by}",
    /** An agent reported that it failed: the task is blocked. */
    failed: "<strong>Blocked</strong>: {reason}",
    /** `{from}` and `{to}` are the times of the claim, ISO 8601; `{minutes}` is 2 or more. */
    expired:
      "<strong>{agent}</strong> held this task from {from} to {to}, then showed no activity for {minutes} minutes. The claim has expired and the task is back in todo.",
    /** `{by}` stopped the work of `{agent}`. */
    stopped:
      "Stopped by <strong>{by}</strong>: {agent} no longer works on this task. It may be started again after a comment, a change of its state or a new assignment.",
    /** Heading of a comment that `{by}` wrote in Telegram or on the page. */
    remark: "<strong>{by}</strong> wrote:",
    /** The task depends on `{blocker}`, which was cancelled or is blocked. */
    blockedByTask: {
      cancelled:
        "Blocked by a dependency: this task depends on {blocker}, which was cancelled. It returns to todo when that task is reopened or the dependency is removed. If you move it out of Blocked yourself, Groundcrew leaves it there.",
      blocked:
        "Blocked by a dependency: this task depends on {blocker}, which is itself blocked. It returns to todo when that task is unblocked or the dependency is removed. If you move it out of Blocked yourself, Groundcrew leaves it there.",
    },
    /** `{blockers}` is a list of tasks. */
    unblocked: "No longer blocked by {blockers}.",
    /** `{by}` removed the dependencies on `{blockers}`, a list of tasks; Plane keeps their relations. */
    dependencyRemoved:
      "{by} removed the dependency on {blockers}: this task no longer waits for it. Plane still shows the relation, because its API cannot remove relations; you can remove it here.",
    /** A line in a description where Plane has no relations, parsed by `parseBlockedByText`. `{keys}` are task keys. */
    blockedBy: "Blocked by: {keys}",
    /** A task in `{blockers}` that is done. */
    doneTask: "{task} (done)",
    /** The comment with the result of a ticket's Claude Code session. */
    ticket: {
      heading: "Done in a Claude Code session",
      branch: "Branch: {branch}",
      /** `{files}`, `{insertions}` and `{deletions}` are numbers. */
      diff: "Changed files: {files}, lines added: {insertions}, lines removed: {deletions}",
      /** `{time}` is a duration from the approval to the completion. */
      time: "Time since approval: {time}",
      tests: "Tests: passed, run by the ticket runner",
      /** `{cost}` has its currency. */
      cost: "Cost: {cost}",
      /** Before the list of commits. */
      commits: "Commits:",
    },
    /** Replaces the key of a task that is no longer in Plane. */
    deletedTask: "a deleted task",
  },
  sampleTasks: {
    hello: {
      title: "Introduce the team",
      text: "Write a comment of five lines that lists the members of this workspace and what each of them is good at. This task shows how a task is claimed, worked on and completed.",
    },
    report: {
      title: "Write a page on how we work",
      text: "Based on the introduction, write half a page on how tasks move across this board, and attach it as a Markdown file. This task is blocked until the introduction is done.",
    },
    look: {
      title: "Review the work of the team",
      text: "Read the comment and the page, reply with a comment, and move this task to Done. You can then delete these three tasks; they are not created again.",
    },
  },
  /** Messages about agents that do not react to wakes. `{agent}` is the agent's name, `{tasks}` are task keys. */
  wakes: {
    /** The agent makes no call. */
    silent:
      "⚠️ {agent} has not reacted to three wakes. Waiting: {tasks}. Check that the agent runs; Groundcrew wakes it again when new work arrives or once it calls.",
    /** The agent calls but finishes none of its tasks. */
    idle: "⚠️ {agent} answers wakes but finishes none of its tasks. Waiting: {tasks}. Check the tasks, or assign them to another agent.",
    /** Stands for the key of a request that has no task yet. */
    request: "a request",
  },
  personas: {
    Concierge:
      "Talks with the human, plans the work, assigns it and sums up the results. Does no task of the plan itself.",
    Imhotep:
      "Architect and builder. Strong in software architecture, back ends, databases and APIs; breaks large systems into parts that can be built one after the other.",
    Thot: "Researcher and writer. Strong in reading sources, comparing options, documentation and long texts; names where each fact comes from.",
    Basquiat:
      "Designer. Strong in visual identity, illustrations, page layouts and presentations; delivers variants to choose from.",
    R2D2: "Automation engineer. Strong in scripts, workflows, integrations between services and data imports; prefers what runs unattended.",
    Shuri:
      "Inventor and front-end engineer. Strong in prototypes, user interfaces and new technology; shows something that works early.",
    Piccolo:
      "Tester and reviewer. Strong in test plans, code review, security checks and finding edge cases; strict and fair.",
    CFO: "Finance. Strong in budgets, cost comparisons, invoices, forecasts and spreadsheets; states every assumption.",
    Maintainer:
      "Operations. Strong in servers, upgrades, backups, monitoring and incidents; changes one thing at a time and can undo it.",
    Hermes:
      "Communication. Strong in e-mails, announcements, customer messages and translation between English and French; short and friendly.",
  },
};

/** The texts of the view Tickets and of the terminal's document; only hosts with tickets load them. */
export const ticketPageEn = {
  pageTickets: {
    off: "Tickets are off.",
    "off.how": "Add the repositories of your projects to the settings file, for example:",
    "cost.today": "Cost today: {cost}",
    runners: "Runners: {names}",
    "runner.none": "No runner is connected, so approved tickets wait. Start “groundcrew runner” on its host.",
    "runner.away":
      "The runner {name} is not connected. Its sessions are shown as it reported them last; they may still run.",
    "part.pending": "Waiting for approval",
    "part.sessions": "Sessions",
    "part.failed": "Failed",
    "part.completed": "Completed",
    "part.rules": "Allowed without asking",
    "none.pending": "No ticket waits for approval.",
    "none.sessions": "No session is running.",
    "none.failed": "No ticket has failed.",
    "none.completed": "No ticket has a result yet.",
    "none.rules": "Every tool asks.",
    "rule.facts": "for {for}, added by {by} at {at}; uses: {n}",
    "completed.more": "Older tickets with a result: {n}.",
    "trigger.created": "New task",
    "trigger.status": "Status changed",
    "trigger.comment": "Comment",
    "trigger.test": "Test ticket",
    by: "by {who}",
    description: "Description",
    "description.none": "This task has no description.",
    comment: "Comment",
    changed: "The text has changed since you opened this view. Read it again before you approve it.",
    "state.pending": "Waiting for approval",
    "state.approved": "Approved",
    "state.starting": "Starting",
    "state.running": "Running",
    "state.waiting": "Waiting for you",
    "state.completed": "Result to approve",
    "state.updating": "Being written to Plane",
    "state.done": "Written to Plane",
    "state.rejected": "Rejected",
    "state.failed": "Failed",
    "state.cancelled": "Cancelled",
    "why.queue": "Place {n} in the queue",
    "why.retry": "Next start at {at}",
    "why.exited": "The session ended without a result.",
    "why.killed": "The session was killed.",
    "why.vanished": "The session is gone: its machine or tmux was restarted.",
    "why.start_failed": "The session could not be started.",
    "why.time_over": "The time of the session is over.",
    "why.check_requested": "The session has ended; the test command runs.",
    "why.check_failed": "The session has ended; its tests did not pass.",
    attention: "Needs your attention: {text}",
    silent: "no output since {at}",
    "question.permission": "Claude Code asks for permission:",
    ...TOOL_FIELDS,
    "input.left": "… {n} characters left out …",
    "input.unfold": "{n} characters, show all",
    "input.terminal": "Not all of it is known here. Read it and allow it in the terminal.",
    "question.input": "The session waits for an answer:",
    "question.time": "The time of the session ends at {at}.",
    "question.ended": "The session has ended. Resume it, complete the ticket, or cancel it.",
    part: "Question {n} of {of}",
    answered: "Answered: {text}",
    "fact.runner": "Runner",
    "fact.branch": "Branch",
    "fact.commits": "Commits",
    "fact.diff": "Changes",
    "fact.conflicts": "Conflicts with the main branch",
    "fact.left": "Time left",
    "fact.took": "Time",
    "fact.cost": "Cost",
    "fact.tokens": "Tokens",
    diff: "+{insertions} −{deletions}, files: {files}",
    tokens: "{input} in, {output} out",
    left: "{left}, until {at}",
    "left.over": "over since {at}",
    dirty: "The worktree has changes that are not committed.",
    more: "and {n} more",
    screen: "Last screen of {key}",
    "screen.at": "Last output {at}",
    summary: "Summary",
    "update.comment": "Comment: {is}",
    "update.status": "Status: {is}",
    "update.written": "written",
    "update.missing": "not written",
    removal: "The runner was asked to remove the worktree.",
    "do.approve": "Approve",
    "do.reject": "Reject…",
    "do.allow": "Allow",
    "do.allow_always": "Always allow for this ticket: {rule}",
    "do.allow_in_repo": "Always allow for this repository: {rule}",
    "do.deny": "Deny",
    "do.revoke": "Take back",
    "do.answer": "Answer…",
    "do.resume": "Resume",
    "do.extend": "Extend",
    "do.complete": "Complete…",
    "do.cancel": "Cancel…",
    "do.terminal": "Open terminal",
    "do.update": "Approve update",
    "do.edit": "Edit summary…",
    "do.retry": "Try again",
    "do.remove": "Remove worktree…",
    "ask.close": "Close",
    "ask.reject": "Reject {key}",
    "ask.reject.label": "Reason (optional)",
    "ask.reject.do": "Reject",
    "ask.answer": "Answer the session of {key}",
    "ask.answer.label": "Your answer; it is typed into the session",
    "ask.answer.choices": "Choose one or more",
    "ask.answer.own": "Another answer",
    "ask.answer.do": "Send",
    "ask.complete": "Complete {key}",
    "ask.complete.label": "Summary of what was done",
    "ask.complete.do": "Complete",
    "ask.cancel": "Cancel {key}",
    "ask.cancel.text": "Its session is stopped. The branch and the worktree stay.",
    "ask.cancel.do": "Cancel the ticket",
    "ask.update": "Summary of {key} for Plane",
    "ask.update.label": "Summary in Markdown, as the comment will have it",
    "ask.update.do": "Approve update",
    "ask.remove": "Remove the worktree of {key}",
    "ask.remove.text": "The runner removes it if everything is committed and merged.",
    "ask.remove.check": "Remove it with changes that are not merged, too",
    "ask.remove.do": "Remove",
    "told.approve": "{key} is approved.",
    "told.reject": "{key} is rejected.",
    "told.answer": "The answer is on its way to the session of {key}.",
    "told.extend": "The session of {key} has more time.",
    "told.complete": "{key} is complete.",
    "told.tests": "The test command runs now. {key} is complete when it passes.",
    "told.cancel": "{key} is cancelled.",
    "told.revoke": "The rule {key} was taken back.",
    "told.update": "The result of {key} is written to Plane.",
    "told.remove": "The runner is asked to remove the worktree of {key}.",
    "problem.changed":
      "{key} has changed since it was shown, so it is not approved. Read its new text and approve it again.",
    "problem.gone": "{key} no longer waits for approval.",
    "problem.conflict": "{key} has changed meanwhile. This is its present state.",
    "problem.update": "Not all of {key} is written to Plane. {reason}",
  },
  terminal: {
    "terminal.title": "Terminal of {key}",
    "terminal.screen": "Screen of {key}",
    "terminal.connecting": "Connecting …",
    "terminal.waiting": "Waiting for the session",
    "terminal.live": "Live",
    "terminal.ended": "Ended. Last screen, {time}",
    "terminal.ended.none": "Ended. No screen was kept.",
    "terminal.away": "The runner is not connected. Last screen, {time}",
    "terminal.lost": "Connection lost. Trying again …",
    "terminal.signed_out": "Sign in on the page to see this terminal.",
    "terminal.unknown": "There is no ticket {key}.",
    "terminal.take": "Take over",
    "terminal.give": "Give back",
    "terminal.typing": "You are typing into the session. F6 or “Give back” ends this.",
    "terminal.here": "Type here",
    "terminal.keys": "Keys",
    "terminal.key.escape": "Esc",
    "terminal.key.shift_tab": "Shift Tab",
    "terminal.key.left": "Left arrow",
    "terminal.key.up": "Up arrow",
    "terminal.key.down": "Down arrow",
    "terminal.key.right": "Right arrow",
    "terminal.key.enter": "Enter",
    "terminal.sending": "Sending …",
    "terminal.not_sent": "Not sent. {problem}",
  },
};

/** The texts of one language, except those of documents that only hosts with tickets serve. */
export type Texts = typeof en;
export type TicketPageTexts = typeof ticketPageEn;

/** Name of the text of a refusal. Names are stored in events: they keep their meaning. */
export type RefusalName = keyof Texts["telegram"]["refusals"];
