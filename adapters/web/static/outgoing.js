// What the visitor says, until it stands in the conversation as a numbered message.
//
// Each is posted with an id of its own and kept in the browser until then: posting it again, after
// a lost connection or a reload, is harmless.

import { failed, fill, messageElement } from "./message.js";
import { newId, Problem, request } from "./wire.js";

const LEAVE = 1_500; // a task that is over may still have messages on their way for this long

export const over = (state) => !["submitted", "working"].includes(state);

export class Outgoing {
  constructor(chat, list) {
    this.chat = chat;
    this.list = list;
    this.entries = [];
    this.posting = false;
  }

  restore() {
    for (const entry of this.chat.memory.get("unsent") ?? []) this.keep({ ...entry, confirmed: false });
  }

  save() {
    const unsent = this.entries.map(({ element, ...entry }) => entry);
    this.chat.memory.set("unsent", unsent.length ? unsent : null);
    this.chat.changed();
  }

  send(text, more = {}) {
    this.keep({ id: newId(), text, ...more });
    this.flush();
  }

  keep(entry) {
    const { text, files } = entry;
    entry.element = messageElement(
      { role: "user", text, attachments: files, notice: text.startsWith("/") }, this.chat.renew);
    entry.element.classList.add("waiting");
    this.entries.push(entry);
    this.list.append(entry.element);
    if (entry.failure) failed(entry.element, entry.failure, () => this.again(entry));
    this.save();
  }

  // Post what is not confirmed, in order, one at a time; ends when all is, or the service is away.
  async flush() {
    if (this.posting) return;
    this.posting = true;
    const pace = this.chat.patience.pace();
    try {
      for (let entry; (entry = this.entries.find((one) => !one.confirmed && !one.failure)); ) {
        try {
          await this.post(entry, await this.chat.open());
          this.chat.reached();
          pace.reset();
        } catch (error) {
          if (this.refused(entry, error)) continue;
          this.chat.lostTouch();
          await pace.next((error.retryAfter ?? 0) * 1000);
        }
      }
    } finally {
      this.posting = false;
    }
  }

  async post(entry, token) {
    const { id, text, files, question, option } = entry;
    const attachments = files?.map((file) => file.id);
    const body = { message_id: id, text, wait: 0, question, option, attachments };
    entry.posted = true;
    const response = await request("POST", "/api/chat", { token, body });
    const answer = await response.json();
    if (entry.erased) return this.drop(entry);
    if (answer.session) this.chat.begin(answer.session, answer.messages.filter((one) => !one.id));
    entry.confirmed = true;
    entry.task = answer.task.id;
    entry.element.classList.remove("waiting");
    if (answer.session) this.continued(entry, answer);
    else if (over(answer.task.state)) this.chat.settle(answer.task.id, answer.task.state);
    this.save();
  }

  // After /reset nothing is left of the message; after /new its text is the session's first one.
  continued(entry, answer) {
    const rest = entry.text.replace(/^\S+\s*/, "");
    if (!rest) return;
    if (answer.task.state === "rejected") return this.chat.giveBack([rest]);
    entry.text = rest;
    this.chat.entitle(rest);
    this.keep(entry);
    if (over(answer.task.state)) this.chat.settle(answer.task.id, answer.task.state);
  }

  // Whether the error is an answer; anything else is worth another try.
  refused(entry, error) {
    if (!(error instanceof Problem)) return false;
    if (error.status === 401 && this.chat.token) {
      this.chat.lost();
      return true;
    }
    if (error.status >= 500) return false;
    if (entry.task) {
      // It was taken before, and is only asked about.
      entry.confirmed = true;
      return true;
    }
    entry.failure = error.message;
    if (entry.question) this.chat.questions.reopen(entry.question);
    failed(entry.element, error.message, error.status === 409 ? null : () => this.again(entry));
    this.save();
    return true;
  }

  again(entry) {
    // A refused id stays refused.
    Object.assign(entry, { id: newId(), failure: "" });
    failed(entry.element, "");
    this.save();
    this.flush();
  }

  // What is confirmed may have ended unheard; posting it again tells.
  recheck() {
    for (const entry of this.entries) entry.confirmed = false;
    this.flush();
  }

  // The entry that a message from the user was until now.
  match(message) {
    return (
      this.entries.find((one) => one.task && one.task === message.task_id) ??
      this.entries.find((one) => one.text.trim() === message.text.trim()) ??
      // An option may have been chosen by its number, and is shown by its name.
      (this.chat.questions.has(message.task_id) && this.entries.find((one) => one.posted))
    );
  }

  // The entry has become the message; its element shows it from now on.
  become(entry, message) {
    this.done(entry, message.task_id);
    fill(entry.element, message, this.chat.renew);
    return entry.element;
  }

  done(entry, taskId) {
    this.entries = this.entries.filter((one) => one !== entry);
    entry.element.classList.remove("waiting", "new");
    failed(entry.element, "");
    if (entry.task !== taskId) this.chat.drafts.drop(entry.task);
    this.save();
  }

  // Some leave no message behind, /stop for one: they stay as what they were.
  settle(taskId, leave) {
    for (const entry of this.entries.filter((one) => one.task === taskId)) {
      entry.settled = true;
      setTimeout(() => {
        if (!this.entries.includes(entry)) return;
        this.done(entry, entry.task);
        leave(entry.element);
      }, LEAVE);
    }
  }

  // What was said is erased: what stands here for it goes, once it is known to be taken.
  cleared() {
    for (const entry of this.entries.filter((one) => one.posted)) {
      if (entry.task) this.drop(entry);
      else entry.erased = true;
    }
  }

  drop(entry) {
    entry.element.remove();
    this.entries = this.entries.filter((one) => one !== entry);
    this.save();
  }

  clear() {
    this.list.replaceChildren();
    this.entries = [];
    this.save();
  }

  // What is being answered, or will be next.
  get next() {
    return this.entries.find((one) => !one.settled && !one.failure);
  }

  of(taskId) {
    return this.entries.find((one) => one.task === taskId);
  }

  // What never reached the gateway.
  get unsent() {
    return this.entries.filter((one) => !one.task && !one.question && one.text);
  }
}
