// How the page talks to the gateway: requests, server-sent events, and what the browser keeps.

export class Problem extends Error {
  constructor(status, detail, retryAfter = 0) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

const bearer = (token) => (token ? { Authorization: `Bearer ${token}` } : {});

// Rejects with a Problem for an answer that is an error, and with a TypeError when there was none.
export async function request(method, path, { token, body, headers = {}, signal } = {}) {
  const all = { ...headers, ...bearer(token) };
  if (body) all["Content-Type"] = "application/json";
  const response = await fetch(path, {
    method,
    headers: all,
    body: body && JSON.stringify(body),
    cache: "no-store",
    signal,
  });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw refusal(response.status, problem, response.headers.get("Retry-After"));
}

function refusal(status, problem, retryAfter) {
  const detail = problem?.detail || `The server said ${status}.`;
  return new Problem(status, detail, Number(retryAfter) || 0);
}

// Send a file; `progress` is told the part that is there, from 0 to 1. Only XMLHttpRequest knows it.
export function upload(path, file, { token, progress, signal }) {
  const sending = new XMLHttpRequest();
  const form = new FormData();
  form.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    sending.open("POST", path);
    for (const [name, value] of Object.entries(bearer(token))) sending.setRequestHeader(name, value);
    sending.responseType = "json";
    sending.upload.addEventListener("progress", ({ loaded, total }) => progress(loaded / total));
    sending.addEventListener("load", () => {
      const { status, response } = sending;
      if (status === 201) resolve(response);
      else reject(refusal(status, response, sending.getResponseHeader("Retry-After")));
    });
    for (const end of ["error", "abort", "timeout"]) {
      sending.addEventListener(end, () => reject(new TypeError(end)));
    }
    signal.addEventListener("abort", () => sending.abort());
    sending.send(form);
  });
}

// The events of a stream, as {kind, data}. EventSource cannot send a token, so this reads by hand.
export async function* events(response, alive) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    const frames = (buffer + value).split("\n\n");
    buffer = frames.pop();
    for (const frame of frames) {
      const event = parsed(frame);
      if (event) yield event;
    }
  }
}

function parsed(frame) {
  const fields = {};
  for (const line of frame.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
  }
  return fields.data ? { kind: fields.event, data: JSON.parse(fields.data) } : null;
}

// Works where randomUUID does not: on plain http, away from localhost.
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// localStorage under a prefix; where the browser forbids it, it is full, or nothing is to last, the
// page forgets when it is closed.
export class Memory {
  constructor(prefix, lasting = true) {
    this.prefix = prefix;
    this.lasting = lasting;
    this.fallback = new Map();
  }

  get(name) {
    if (!this.lasting || this.fallback.has(name)) return this.fallback.get(name) ?? null;
    try {
      return JSON.parse(localStorage.getItem(this.prefix + name));
    } catch {
      return null;
    }
  }

  set(name, value) {
    this.fallback.set(name, value);
    if (!this.lasting) return;
    try {
      if (value === null) localStorage.removeItem(this.prefix + name);
      else localStorage.setItem(this.prefix + name, JSON.stringify(value));
      this.fallback.delete(name);
    } catch {
      // Full or forbidden: the fallback has it.
    }
  }
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Waits longer each time something fails again, and not at all once there is reason for hope.
export class Patience {
  constructor(first, longest) {
    this.first = first;
    this.longest = longest;
    this.sleepers = new Set();
  }

  // One line of attempts: next() waits, reset() after a success.
  pace() {
    let wait = this.first;
    return {
      reset: () => (wait = this.first),
      next: (least = 0) => {
        const jittered = Math.max(wait * (0.75 + Math.random() / 2), least);
        wait = Math.min(wait * 2, this.longest);
        return Promise.race([pause(jittered), new Promise((wake) => this.sleepers.add(wake))]);
      },
    };
  }

  end() {
    for (const wake of this.sleepers) wake();
    this.sleepers.clear();
  }
}
