// What is not finished: answers that are being written, and questions that wait to be answered.

import { close, Draft, fill, offer, reopen } from "./message.js";

// Answers being written, by task.
export class Drafts {
  // `put` shows the element of a task's new draft.
  constructor(put) {
    this.put = put;
    this.drafts = new Map();
  }

  get size() {
    return this.drafts.size;
  }

  tasks() {
    return [...this.drafts.keys()];
  }

  of(taskId) {
    let draft = this.drafts.get(taskId);
    if (!draft) {
      draft = new Draft();
      this.drafts.set(taskId, draft);
      this.put(taskId, draft.element);
    }
    return draft;
  }

  // The draft's element with the whole message in it, if it was the draft of this very message.
  become(message, renew) {
    const draft = this.drafts.get(message.task_id);
    const begun = message.role === "assistant" ? (draft?.written.trim() ?? "") : "";
    if (!begun || !message.text.startsWith(begun.slice(0, 40))) return null;
    this.drafts.delete(message.task_id);
    const element = draft.finish(message.text);
    fill(element, message, renew);
    return element;
  }

  // The element of an answer that was stopped, with what there is of it; null without a word.
  leave(taskId) {
    const draft = this.drafts.get(taskId);
    if (!draft?.written.trim()) return null;
    this.drafts.delete(taskId);
    return draft.leave();
  }

  // The task runs once more, and its answer is written from the start.
  again(taskId) {
    if (this.drafts.get(taskId)?.written) this.drop(taskId);
    this.of(taskId);
  }

  drop(taskId) {
    this.drafts.get(taskId)?.element.remove();
    this.drafts.delete(taskId);
  }

  clear() {
    for (const taskId of this.tasks()) this.drop(taskId);
  }
}

// Questions whose buttons can be pressed, by task.
export class Questions {
  // `choose` is told the question's id, the option's place, and its label.
  constructor(choose) {
    this.choose = choose;
    this.open = new Map();
  }

  has(taskId) {
    return this.open.has(taskId);
  }

  ask(element, { task_id: taskId, question }) {
    if (!question.options.length) return;
    this.open.set(taskId, { element, id: question.id });
    offer(element, question, (option, label) => this.choose(question.id, option, label));
  }

  // The button was not taken, and can be pressed again.
  reopen(id) {
    for (const one of this.open.values()) if (one.id === id) reopen(one.element);
  }

  close(taskId, chosen) {
    const one = this.open.get(taskId);
    if (!one) return;
    close(one.element, one.element.querySelector(".chosen")?.textContent ?? chosen);
    this.open.delete(taskId);
  }

  clear() {
    for (const taskId of [...this.open.keys()]) this.close(taskId);
  }
}
