// The session's stream of events, kept open through every lost connection until its session ends.

import { events, request } from "./wire.js";

const SILENCE = 40_000; // longer than two heartbeats: the connection is dead

// `to` gets what happens: load() once before anything is shown, connected(), caughtUp() when from
// then on nothing is missed, happened(event), interrupted(), and over(feed) when the session is.
export class Feed {
  constructor(token, patience, to) {
    this.token = token;
    this.patience = patience;
    this.to = to;
    this.stopped = new AbortController();
    this.connected = false;
  }

  stop() {
    this.stopped.abort();
  }

  async run() {
    const { signal } = this.stopped;
    const pace = this.patience.pace();
    while (!signal.aborted) {
      try {
        await this.listen(pace);
      } catch (error) {
        if (!signal.aborted && error.status === 401) return this.to.over(this);
      }
      this.connected = false;
      if (signal.aborted) return;
      this.to.interrupted();
      await pace.next();
    }
  }

  async listen(pace) {
    const { token, to } = this;
    if (!to.last) await to.load(token);
    const connection = new AbortController();
    const end = () => connection.abort();
    this.stopped.signal.addEventListener("abort", end);
    let silence;
    const alive = () => {
      clearTimeout(silence);
      silence = setTimeout(end, SILENCE);
      if (this.connected) return;
      this.connected = true;
      pace.reset();
      to.caughtUp();
    };
    try {
      const headers = { "Last-Event-ID": String(to.last) };
      const { signal } = connection;
      silence = setTimeout(end, SILENCE);
      const response = await request("GET", "/api/chat/events", { token, headers, signal });
      for await (const event of events(response, alive)) {
        if (this.stopped.signal.aborted) return;
        to.happened(event);
      }
    } finally {
      clearTimeout(silence);
      this.stopped.signal.removeEventListener("abort", end);
      end();
    }
  }
}
