// What is not finished: answers that are being written, and questions that wait to be answered.

import { close, draftElement, fill, offer, reopen, step, write, written } from "./view.js";

// Answers being written, by task.
export class Drafts {
  // `put` shows the element of a task's new draft.
  constructor(put) {
    this.put = put;
    this.elements = new Map();
  }

  get size() {
    return this.elements.size;
  }

  tasks() {
    return [...this.elements.keys()];
  }

  of(taskId) {
    let element = this.elements.get(taskId);
    if (!element) {
      element = draftElement();
      this.elements.set(taskId, element);
      this.put(taskId, element);
    }
    return element;
  }

  write(taskId, text) {
    write(this.of(taskId), text);
  }

  step(taskId, title) {
    step(this.of(taskId), title);
  }

  // The draft's element with the whole message in it, if it was the draft of this very message.
  become(message) {
    const element = this.elements.get(message.task_id);
    const begun = element && message.role === "assistant" ? written(element).trim() : "";
    if (!begun || !message.text.startsWith(begun.slice(0, 40))) return null;
    this.elements.delete(message.task_id);
    fill(element, message);
    return element;
  }

  // The task runs once more, and its answer is written from the start.
  again(taskId) {
    const element = this.elements.get(taskId);
    if (element && written(element)) this.drop(taskId);
    this.of(taskId);
  }

  drop(taskId) {
    this.elements.get(taskId)?.remove();
    this.elements.delete(taskId);
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
