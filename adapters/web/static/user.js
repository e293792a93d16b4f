// Somebody whom the site around the page has signed in: their conversations stand on the server,
// and nothing of them is kept in the browser.

import { request } from "./wire.js";

export const MOST = 100; // conversations listed

export class Account {
  constructor(token) {
    this.token = token;
  }

  // Their sessions with this agent, the newest activity first.
  async sessions(agent) {
    const path = `/api/sessions?limit=${MOST}&agent=${encodeURIComponent(agent)}`;
    const response = await request("GET", path, { token: this.token });
    return (await response.json()).sessions;
  }

  // A token for one of them.
  async open(id) {
    const path = `/api/sessions/${encodeURIComponent(id)}/token`;
    return (await request("POST", path, { token: this.token })).json();
  }

  // Whether the other token is of the same user: then it is only a later one.
  is(token) {
    return subject(token) === subject(this.token);
  }
}

// Whom the token is about, as it says itself; only the server knows whether it is true.
function subject(token) {
  try {
    const claims = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(atob(claims)).sub;
  } catch {
    return token;
  }
}
